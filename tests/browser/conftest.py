"""One browser per run, and pages of people who are signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests import parts
from tests.browser.town import Town, town

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

Open = Callable[..., "object"]


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=parts.program("browser"), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def place(request, database, data: Path) -> AsyncIterator[Town]:
    """The town; with an indirect parameter it has the connectors that this makes."""
    kinds = request.param() if hasattr(request, "param") else None
    async with town(database, data, more=kinds) as made:
        yield made


@pytest.fixture
async def sign_in(browser: Browser, place: Town):
    """`await sign_in("Sanne Vos", "/bord")`: a page of a browser of their own. Fails on an error in the console."""
    contexts, problems = [], []

    async def open(name: str, path: str = "/bord", url: str = "", viewport=WIDE, **options) -> Page:
        context = await browser.new_context(viewport=viewport, locale="nl-NL", timezone_id="Europe/Amsterdam",
                                            **options)
        contexts.append(context)
        cookie, token = await place.token(name)
        await context.add_cookies([{"name": cookie, "value": token, "url": url or place.url}])
        page = await context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        await page.goto((url or place.url) + path)
        return page

    open.problems = problems  # type: ignore[attr-defined]
    yield open
    for context in contexts:
        await context.close()
    # a line that was cut, refusals that are told on the page, and a frame without scripts that we look into
    expected = ("ERR_", "WebSocket", "status of 4", "Blocked script execution")
    assert [] == [text for text in problems if not any(part in text for part in expected)]
