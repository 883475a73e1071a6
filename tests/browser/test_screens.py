"""Every staff screen: no accessibility fault, no sideways scroll, nothing too small to hit, in light and dark."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from itertools import product

import pytest
from axe_playwright_python.async_playwright import Axe

from newsroom import triage
from tests.browser.conftest import NARROW, WIDE
from tests.browser.look import live, until
from tests.browser.town import Town, town
from tests.postgres import make_folder

SCREENS = {
    "board": "/bord", "filtered": "/bord?prioriteit=3&wie=0", "list": "/bord?vorm=lijst", "teams": "/bord?vorm=teams",
    "mine": "/werk", "spam": "/spam",
    "search": "/zoek?q=zwembad", "found": "/zoek?q=status:open",
    "channels": "/kanalen?open=1", "opening": "/kanalen/1/openstelling", "conversation": "/gesprek/{Klopt}",
    "department": "/gesprek/{Bezwaar}", "closed": "/gesprek/{Openingstijden}",
    "queue": "/wachtrij?periode=maand", "queue_list": "/wachtrij/lijst?wat=leeftijd",
    "redistribute": "/wachtrij/herverdeel", "entry": "/invoer", "profile": "/profiel", "duty": "/dienst",
}
STILL = ("spam", "search", "found", "opening", "queue", "queue_list", "redistribute", "entry", "profile",
         "duty")  # without a live board
THEMES, SIZES = ("light", "dark"), {"wide": WIDE, "narrow": NARROW}
ALL = list(product(SCREENS, THEMES, SIZES))
# each screen once, in turn in another look; the other looks in the full suite
ONCE = [(screen, *(("light", "wide"), ("dark", "narrow"), ("light", "narrow"), ("dark", "wide"))[n % 4])
        for n, screen in enumerate(SCREENS)]
LOOKS = [pytest.param(*one, marks=[pytest.mark.slow] if one not in ONCE else []) for one in ALL]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOO_SMALL = """least => [...document.querySelectorAll('a, button, input, select, textarea, summary')].filter(node => {
  const box = node.getBoundingClientRect();
  if (!box.width || node.closest('.sr, [hidden]') || getComputedStyle(node).clipPath !== 'none') return false;
  if (node.type === 'hidden' || node.matches('.skip, p a, li span a') || !node.checkVisibility()) return false;
  const inner = node.matches('h3 a') ? node.closest('article').getBoundingClientRect()
    : node.closest('label')?.getBoundingClientRect() ?? box;
  return inner.width < least - .5 || inner.height < least - .5;
}).map(node => node.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
async def place(clones) -> AsyncIterator[Town]:
    """One town for all: these tests look and hardly touch."""
    database, folder = await clones.make(), make_folder()
    async with town(database, folder) as made:
        yield made
    await clones.drop(database)
    shutil.rmtree(folder, ignore_errors=True)


async def prepare(place) -> None:
    """One conversation in the spam folder."""
    await place.act("Sanne Vos", place.references["Mooie"], triage.spam, False)


def address(place, screen: str) -> str:
    return SCREENS[screen].format(**place.references)


@pytest.mark.parametrize("screen, theme, size", LOOKS)
async def test_axe_finds_nothing(place, sign_in, screen, theme, size):
    await prepare(place)
    async with place.database.transaction() as connection:
        await connection.execute("update account set theme = $1", theme)
    page = await sign_in("Sanne Vos", address(place, screen), viewport=SIZES[size])
    if screen not in STILL:
        await live(page)
    # whole, so that nothing lies half under the bar at the bottom of a phone
    height = await page.evaluate("Math.max(innerHeight, document.documentElement.scrollHeight)")
    await page.set_viewport_size({**SIZES[size], "height": height})
    found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    assert 0 == found.violations_count, found.generate_report()


@pytest.mark.parametrize("screen", SCREENS)
async def test_nothing_scrolls_sideways_and_everything_can_be_hit(place, sign_in, screen):
    await prepare(place)
    page = await sign_in("Sanne Vos", address(place, screen), viewport={"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert [] == await page.evaluate(TOO_SMALL, 24)
    await page.set_viewport_size(WIDE)
    assert [] == await page.evaluate(TOO_SMALL, 24)
    assert await page.evaluate("document.documentElement.scrollWidth") <= WIDE["width"]


@pytest.mark.parametrize("screen", ["board", "teams", "channels", "opening", "conversation", "duty"])
async def test_by_touch_everything_is_forty_pixels(place, sign_in, screen):
    page = await sign_in("Sanne Vos", address(place, screen), viewport=NARROW, has_touch=True)
    assert [] == await page.evaluate(TOO_SMALL, 40)


async def test_choices_stand_one_below_another(place, sign_in):
    page = await sign_in("Sanne Vos", address(place, "opening"))
    places = "[...document.querySelectorAll('.choices .opt')].map(one => Math.round(one.getBoundingClientRect().left))"
    assert 1 == len(set(await page.evaluate(places)))


async def test_nothing_moves_for_who_does_not_want_that(place, sign_in):
    page = await sign_in("Sanne Vos", "/bord", reduced_motion="reduce")
    await live(page)
    await place.act("Joris Bos", place.references["Omgevallen"], triage.claim)
    await until(lambda: page.locator(f"[data-column=open] #c-{place.references['Omgevallen']}").count(), "moved")
    running = "document.getAnimations().filter(one => one.effect.getTiming().duration > 0).length"
    assert 0 == await page.evaluate(running)


async def test_the_first_card_stands_high_and_twenty_are_in_view(place, sign_in):
    for number in range(12):
        await place.write(f"Nog een korte vraag {number}", minutes=5)
    page = await sign_in("Sanne Vos", "/bord", viewport=WIDE)
    boxes = await page.evaluate("[...document.querySelectorAll('#board article')]"
                                ".map(one => one.getBoundingClientRect())"
                                ".filter(box => box.width && box.top < innerHeight).map(box => box.top)")
    assert min(boxes) <= 311
    assert len(boxes) >= 20


async def test_a_conversation_is_printed_whole_and_without_what_is_for_a_screen(place, sign_in):
    reference = await place.write("Een lange brief", body="Nog een regel van de brief.\n" * 150)
    page = await sign_in("Sanne Vos", f"/gesprek/{reference}")
    await page.emulate_media(media="print")
    for part in (".composer", ".pane.list", "#doen", "nav"):
        assert await page.locator(part).count(), part
        assert not await page.locator(part).first.is_visible(), part
    cut = """() => [...document.querySelectorAll('body, body *:has(#thread), #thread')]
      .filter(one => one.scrollHeight > one.clientHeight + 1 && getComputedStyle(one).overflowY !== 'visible')
      .map(one => one.id || one.className || one.tagName)"""
    assert [] == await page.evaluate(cut)
    assert await page.evaluate("document.getElementById('thread').scrollHeight") > 150 * 15


@pytest.mark.parametrize("screen", ["board", "conversation"])
async def test_with_forced_colours_edges_chips_and_focus_stay(place, sign_in, screen):
    page = await sign_in("Sanne Vos", address(place, screen), forced_colors="active")
    await live(page)
    unbordered = """() => [...document.querySelectorAll('.chip, .btn, .cnt')].filter(one => one.checkVisibility())
      .filter(one => parseFloat(getComputedStyle(one).borderTopWidth) < 1).map(one => one.outerHTML.slice(0, 120))"""
    assert [] == await page.evaluate(unbordered)
    late = "one => getComputedStyle(one, '::before').backgroundColor"
    if screen == "board":
        canvas = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert await page.locator('.card[data-lateness="2"]').first.evaluate(late) not in (canvas, "rgba(0, 0, 0, 0)")
    chosen = """() => [...document.querySelectorAll(':is(.nav, .seg) :is([aria-current], [aria-pressed=true])')]
      .filter(one => one.checkVisibility()).map(one => getComputedStyle(one))
      .map(style => [style.backgroundColor, style.color])"""
    plain = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    for background, ink in await page.evaluate(chosen):
        assert background not in (plain, ink) and not background.startswith("rgba")
    await page.keyboard.press("Tab")
    outline = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
    assert await page.evaluate(outline) >= 2
