"""Mastodon from the settings form to the answer, with a real server: who reads along is named on the button."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from connectors import mastodon as module
from connectors import outbound
from connectors.length import addressed, counted
from connectors.mastodon import Mastodon
from newsroom import reply
from tests.browser.conftest import NARROW
from tests.browser.look import live, until
from tests.browser.town import town
from tests.connectors.mastodon.server import MastodonServer

pytestmark = [pytest.mark.mastodon, pytest.mark.slow]  # its server is installed first
SECONDS = 30.0


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[MastodonServer]:
    made = MastodonServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def place(database, data, monkeypatch):
    monkeypatch.setattr(reply, "HOLD", reply.HOLD * 0)
    monkeypatch.setattr(module, "POLL_SECONDS", 2.0)
    monkeypatch.setattr(module, "WATCH_SECONDS", 2.0)
    monkeypatch.setattr(outbound, "_permitted", ())
    outbound.permit(["127.0.0.0/8"])
    async with town(database, data, seeded=False, more={"mastodon": Mastodon}) as made:
        async with made.database.transaction() as connection:
            await connection.execute("update account set roles = '{admin}' where name = 'Anna de Rijk'")
        yield made


async def begun(place) -> bool:
    async with place.database.connection() as connection:
        return await connection.fetchval("select cursor ? 'start' from channel where kind = 'mastodon'") or False


async def reference(place, words: str) -> str:
    async def found():
        async with place.database.connection() as connection:
            return await connection.fetchval(
                "select c.reference from conversation c join message m on m.conversation_id = c.id"
                " where m.body like '%' || $1 || '%' and not c.state = 'merged'", words)
    return await until(found, words, SECONDS)


async def connect(place, admin, us) -> None:
    """The channel is made in Beheer, opened, and reads."""
    await admin.locator("#name").fill("Mastodon")
    await admin.locator("#s-server").fill(us.settings().server)
    await admin.locator("#s-token").fill(us.token)
    await admin.locator("#mode").select_option("live")  # a new one reads along at first
    await look(admin, "settings")
    await admin.locator('button[name="do"][value="test"]').last.click()
    await until(lambda: begun(place), "reading", SECONDS)
    await look(admin, "settings-tested")


async def test_from_the_settings_to_a_public_and_a_private_answer(place, sign_in, server):
    us, anna = await server.person("gemeente"), await server.person("anna")
    await connect(place, await sign_in("Anna de Rijk", "/beheer/kanalen/nieuw/mastodon"), us)

    picture = await anna.upload(b"\x89PNG" + bytes(500), "kuil.png", "image/png", "Een kuil naast de put")
    asked = await anna.post(f"@{us.name} Wanneer gaat de brug open?", media_ids=[picture])
    page = await sign_in("Joris Bos", f"/gesprek/{await reference(place, 'Wanneer gaat de brug')}")
    await live(page)
    assert "openbaar" in (await page.locator(".head .chips").inner_text()).lower()
    assert "Een kuil naast de put" in await page.locator(".message .files").inner_text()
    assert ["Plaats openbaar", "Stuur privé"] == [
        (await one.inner_text()).strip() for one in await page.locator('#answer [name="visibility"]').all()]
    await page.locator("#text").fill("Vrijdag om vier uur, zie https://voorbeeldstad.example/" + "a" * 60)
    length = len(f"@{anna.name}:{server.port} Vrijdag om vier uur, zie ") + 23  # no other server's name has a port
    assert f"{length} van 500" == await page.locator("#length").inner_text()
    await look(page, "public")
    await page.locator("#text").fill("x" * 500)
    assert "tekens te veel" in await page.locator("#length").inner_text()
    await look(page, "too-long")
    await page.locator("#text").fill("Vrijdag om vier uur.")
    await page.locator('#answer [name="visibility"][value="public"]').click()
    await until(lambda: posted(us, 1), "our post", SECONDS)
    post, = await us.posts()
    assert ("unlisted", asked["id"]) == (post["visibility"], post["in_reply_to_id"])

    await page.locator("#text").fill("Wat is je adres?")
    await page.locator('#answer [name="visibility"][value="private"]').click()
    await until(lambda: posted(us, 2), "our direct post", SECONDS)
    direct = (await us.posts())[0]
    assert ("direct", f"<p>@{anna.name} Wat is je adres?</p>") == (direct["visibility"], direct["content"])
    private = await reference(place, "Wat is je adres")
    await until(lambda: page.locator(f".line:has-text('{private}')").count(), "the line", SECONDS)
    await anna.post(f"@{us.name} Dorpsstraat 4", in_reply_to_id=direct["id"], visibility="direct")
    await until(lambda: same(place, private), "in the private one", SECONDS)
    other = await sign_in("Joris Bos", f"/gesprek/{private}")
    await live(other)
    assert "privé" in (await other.locator(".head .chips").inner_text()).lower()
    assert "Stuur privé" == (await other.locator("#answer .btn.p").inner_text()).strip()
    assert 0 == await other.locator('[name="visibility"]').count()
    await look(other, "private")

    await anna.edit(asked["id"], f"@{us.name} Wanneer gaat de sluis open?")
    await page.locator(".message.in", has_text="bewerkt").wait_for(timeout=SECONDS * 1000)
    assert "sluis" in await page.locator(".message.in .text").inner_text()
    await page.locator(".message.in summary", has_text="Wat er eerder stond").click()
    assert await page.locator(".message.in .quoted", has_text="brug").is_visible()
    await look(page, "edited")
    await anna.delete(asked["id"])
    await page.locator(".message.in", has_text="Verwijderd door de schrijver").wait_for(timeout=SECONDS * 1000)
    assert "sluis" not in await page.locator("#thread").inner_text()
    await page.set_viewport_size(NARROW)
    await look(page, "deleted")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def posted(us, number: int) -> bool:
    return len(await us.posts()) == number


async def same(place, private: str) -> bool:
    return private == await reference(place, "Dorpsstraat")


async def look(page, name: str) -> None:
    """A picture for who wants to see it: NEWSROOM_PICTURES names the folder."""
    if folder := os.environ.get("NEWSROOM_PICTURES"):
        await page.screenshot(path=f"{folder}/mastodon-{name}.png", full_page="settings" in name)


COUNT = """async cases => {
  const { addressed, counted } = await import(document.querySelector('script[src*="conversation.js"]').src
    .replace("conversation.js", "length.js"));
  return cases.map(([text, names]) => counted(addressed(text, names), { link: 23, handles: true }));
}"""
COUNTED = [("", []), ("Dag", ["anna@wonen.example"]), ("Dag @anna@wonen.example, kom", ["anna@wonen.example"]),
           ("Dag @anna@wonen.example.", ["anna@wonen.example"]), ("@annabel hoi", ["anna"]), ("mail a@b.example", []),
           ("zie https://voorbeeldstad.example/" + "a" * 90 + " en http://x.example", []),
           ("é e\u0301 👩🏽‍🚒 🇳🇱🇧🇪 👍🏿", []),
           ("@a.b-c@server.example @d", []), ("regel\n\nregel", ["x_1@y.example"])]


async def test_the_browser_counts_as_the_server_does(place, sign_in):
    reference = await place.write("Telwoorden")
    page = await sign_in("Joris Bos", f"/gesprek/{reference}")
    can = Mastodon.capabilities
    assert [counted(addressed(text, names), can) for text, names in COUNTED] == await page.evaluate(COUNT, COUNTED)
