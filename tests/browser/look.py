"""What tests read from a page, and how they wait: on a condition, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from playwright.async_api import Page

DEADLINE = 10.0  # seconds

# columns with their cards as a person sees them, without what depends on the clock
BOARD = """() => Object.fromEntries([...document.querySelectorAll('#board [data-column]')].map(column => [
  column.dataset.column, {
    n: column.querySelector('[data-n]').textContent,
    cards: [...column.querySelectorAll('.cards > article')].map(card => [card.dataset.id, card.dataset.v,
      card.querySelector('.author').textContent, card.querySelector('h3').textContent,
      [...card.querySelectorAll('.deeds .chip:not(.term, :has(time)), .deeds .av, .deeds .claim')]
        .map(one => one.textContent)])}]))"""
COUNTS = """() => [...document.querySelectorAll('[data-tile="late"] .n, [data-tile="soon"] .n,'
  + ' .views .cnt, #shown')].map(node => node.textContent)"""


async def until(condition: Callable[[], Any], what: str = "", deadline: float = DEADLINE) -> Any:
    """Wait until `condition` (sync or async) gives something true, and return it."""
    end = monotonic() + deadline
    while True:
        found = condition()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        if monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what or condition}")
        await asyncio.sleep(0.02)


def card(reference: str) -> str:
    return f"#c-{reference}"


async def column_of(page: Page, reference: str) -> str | None:
    """The column a card stands in, or None."""
    return await page.evaluate("id => document.getElementById('c-' + id)?.closest('[data-column]').dataset.column"
                               " ?? null", reference)


async def live(page: Page) -> None:
    """Wait until the board is live."""
    await until(lambda: state(page, "live"), "live")


async def state(page: Page, name: str) -> bool:
    return await page.evaluate("document.getElementById('connection').dataset.state") == name


async def board(page: Page) -> tuple[dict, list[str]]:
    """The whole board: columns with cards, and every count."""
    return await page.evaluate(BOARD), await page.evaluate(COUNTS)
