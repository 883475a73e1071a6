"""The pictures of the README, taken from the demo: `make screenshots`. Needs Chromium."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests import parts

IMAGES = Path(__file__).parent.parent / "static" / "images"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
MOST_BYTES = 300_000  # of a picture: the README loads quickly, and the repository stays small
CONVERSATION = "Brug dicht en bus 28"  # with notes, an answer and what came back
# file: (page, as whom, size); what has no such page yet is passed over
PICTURES = {
    "board": ("/bord", "Sanne Vos", WIDE),
    "board-phone": ("/bord", "Joris Bos", NARROW),
    "demo": ("/demo", "Sanne Vos", WIDE),
    "channels": ("/kanalen", "Ruben Bakker", WIDE),
    "queue": ("/wachtrij", "Els van Leeuwen", WIDE),
    "entry": ("/invoer", "Aisha Rahmani", WIDE),
    "form": ("/formulier/vraag", "", WIDE),
}


async def main() -> int:
    """Take them all. 1 when one is too large."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as data:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        demo = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "newsroom", "demo", "--speed", "0", stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"NEWSROOM_PORT": str(port), "NEWSROOM_DATA": data})
        try:
            link = await _link(demo)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=parts.program("browser"),
                                                           args=["--no-sandbox", "--disable-gpu"])
                return await _take(browser, link)
        finally:
            demo.terminate()
            await demo.wait()


async def _link(demo: asyncio.subprocess.Process) -> str:
    assert demo.stdout is not None
    async for line in demo.stdout:
        if b"http" in line:
            return line.decode().split()[-1]
    raise SystemExit("the demo did not start; its lines are above")


async def _take(browser: Browser, link: str) -> int:
    base = link.partition("/start/")[0]
    page = await (await browser.new_context(viewport=WIDE, locale="nl-NL", timezone_id="Europe/Amsterdam",
                                            reduced_motion="reduce")).new_page()
    await page.goto(link)
    await page.get_by_role("button").click()
    large = 0
    for name, (path, person, size) in PICTURES.items():
        if person:
            await _become(page, base, person)
        await page.set_viewport_size(size)
        answer = await page.goto(base + path)
        if answer is None or answer.status == 404:
            print(f"{name}: there is no {path}")
            continue
        large += await _picture(page, name)
    await _become(page, base, "Joris Bos")
    await page.set_viewport_size(WIDE)
    await page.goto(base + "/bord")
    card = await page.locator("article.card", has_text=CONVERSATION).locator("h3 a").get_attribute("href")
    await page.goto(f"{base}{card}")
    large += await _picture(page, "conversation")
    return 1 if large else 0


async def _become(page: Page, base: str, person: str) -> None:
    await page.set_viewport_size(WIDE)
    await page.goto(base + "/demo")
    button = page.get_by_role("button", name=f"Kijk als {person} in dit venster")
    if await button.count():
        await button.click()


async def _picture(page: Page, name: str) -> bool:
    """Whether it is too large."""
    await page.evaluate("document.fonts.ready.then(() => true)")
    path = IMAGES / f"{name}.png"
    await page.screenshot(path=path, animations="disabled", caret="hide")
    print(f"{path.name}: {path.stat().st_size // 1000} kB")
    return path.stat().st_size > MOST_BYTES


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
