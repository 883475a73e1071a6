"""From a commit until the card has changed in a real browser, while colleagues work."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page, async_playwright

from newsroom import triage
from tests import parts
from tests.bench.figure import Figure, cost, percentile
from tests.bench.place import Place
from tests.browser.conftest import ARGUMENTS, WIDE
from tests.browser.town import Town, town

PACES = (10, 50)  # events a second
SECONDS, SECONDS_QUICK = 10, 1
WHO = "Sanne Vos"
WATCH = """() => {
  window.seen = {};
  const look = () => {
    for (const card of document.querySelectorAll("article.card")) {
      const key = card.dataset.id + " " + card.dataset.v;
      if (!(key in window.seen)) window.seen[key] = performance.timeOrigin + performance.now();
    }
  };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
}"""


async def run(place: Place, quick: bool) -> list[Figure]:
    """p50 and p99 at each pace. Without Chromium: one line that says so."""
    if not parts.program("browser"):
        return [Figure("screen: NOT RUN, Chromium is not installed", "")]
    made, figures = await place.fresh(), []
    with TemporaryDirectory() as folder:
        async with town(made, Path(folder)) as here, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=parts.program("browser"), args=ARGUMENTS)
            page = await board(browser, here)
            for pace in PACES:
                times, lost = await watched(page, here, pace, SECONDS_QUICK if quick else SECONDS)
                name = f"screen: commit to card, {pace}/s"
                figures += [cost(f"{name}, p50", percentile(times, 50)), cost(f"{name}, p99", percentile(times, 99)),
                            Figure(f"{name}, never seen", str(lost), met=lost == 0, hard=True)]
            await browser.close()
    await place.drop(made)
    return figures


async def board(browser, here: Town) -> Page:
    """The open board of somebody, watched."""
    context = await browser.new_context(viewport=WIDE, locale="nl-NL", timezone_id="Europe/Amsterdam")
    cookie, token = await here.token(WHO)
    await context.add_cookies([{"name": cookie, "value": token, "url": here.url}])
    page = await context.new_page()
    async with page.expect_websocket() as opened:
        await page.goto(here.url + "/bord")
    await (await opened.value).wait_for_event("framereceived")
    await page.evaluate(WATCH)
    return page


async def watched(page: Page, here: Town, pace: int, seconds: int) -> tuple[list[float], int]:
    """Milliseconds until each change, or a later one of the same card, was in the document; and how many never."""
    done: list[tuple[str, int, float]] = []
    references = [one for word, one in here.references.items()][:12]
    start = time.perf_counter()
    for n in range(pace * seconds):
        await asyncio.sleep(start + n / pace - time.perf_counter())
        row = await here.act(WHO, references[n % len(references)], triage.set_priority, 2 - n // len(references) % 2)
        done.append((row.reference, row.version, time.time() * 1000))
    last = f"{done[-1][0]} {done[-1][1]}"
    await page.wait_for_function("key => key in window.seen", arg=last, timeout=10_000)
    seen: dict[str, dict[int, float]] = {}
    for key, at in (await page.evaluate("window.seen")).items():
        id, version = key.split()
        seen.setdefault(id, {})[int(version)] = at
    found = [min((at for shown, at in seen[id].items() if shown >= version), default=None) for id, version, _ in done]
    times = [max(0.0, shown - at) for shown, (_, _, at) in zip(found, done, strict=True) if shown is not None]
    return times, found.count(None)
