"""Kanalen in a real browser: a channel that fails and comes back with a real mail server, and rows that stay put."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from time import monotonic

import pytest

from connectors.email import Email
from newsroom import channel
from newsroom.change import By
from newsroom.channel import Channel
from tests.browser.conftest import NARROW
from tests.browser.look import live, until
from tests.browser.town import town
from tests.connectors.email.certificate import Certificate
from tests.connectors.email.conftest import mail
from tests.connectors.email.dovecot import PASSWORD, Dovecot

SEEN_SECONDS = 30.0  # a content director sees a failure within this


class Mailbox(Email):
    """The e-mail connector under a name of its own; its mails are ours, so that no child process reads them."""

    name = "mailbox"
    hostile_input = False


@pytest.fixture
def dovecot(tmp_path):
    server = Dovecot(Certificate(tmp_path), "http://127.0.0.1:9/")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def place(database, data):
    async with town(database, data, more={"mailbox": Mailbox}) as made:
        yield made


async def add_mailbox(place, dovecot: Dovecot, tmp_path) -> int:
    address = "post@voorbeeldstad.example"
    settings = {"address": address, "imap_host": "127.0.0.1", "imap_port": dovecot.imaps, "smtp_host": "127.0.0.1",
                "ca_file": str(tmp_path / "ca.pem")}
    async with place.database.transaction() as connection:
        row = await channel.add(connection, place.house.keys, Mailbox, Channel(0, "", "Post", settings=settings),
                                {"imap_password": PASSWORD}, By(None, datetime.now(UTC)))
    place.house.bell()
    return row.id


async def in_group(page, id: int, group: str) -> bool:
    return group == await page.evaluate("id => document.getElementById('k' + id)?.dataset.group", id)


@pytest.mark.dovecot
async def test_a_mailbox_that_fails_is_seen_and_comes_back(place, sign_in, dovecot, tmp_path):
    id = await add_mailbox(place, dovecot, tmp_path)
    page, chef = await sign_in("Anna de Rijk", "/kanalen"), await sign_in("Sanne Vos", "/bord")
    await asyncio.gather(live(page), live(chef))
    row = page.locator(f"#k{id}")
    await until(lambda: in_group(page, id, "works"), "it works", 30.0)
    await until(lambda: row.get_by_text("Werkt", exact=True).count(), "it says so", 30.0)
    dovecot.deliver("post@voorbeeldstad.example", mail(1))
    await until(lambda: page.evaluate("id => document.querySelector(`#k${id} .flow b`).textContent === '1'", id),
                "a message is counted", 15.0)

    stopped = monotonic()
    dovecot.halt()
    await until(lambda: in_group(page, id, "attention"), "it fails", SEEN_SECONDS)
    assert monotonic() - stopped < SEEN_SECONDS
    assert "verbinding met 127.0.0.1" in await row.inner_text()
    await until(lambda: chef.locator("nav [data-trouble]").is_visible(), "the badge of another page")
    assert "2" == await chef.locator('[data-tile="channels"] .n').inner_text()

    dovecot.start()
    await page.locator(f"#k{id} .twist").click()
    await row.get_by_role("button", name="Probeer nu").click()
    await page.wait_for_url("**/kanalen?saved=retried&*")
    await live(page)
    # it is open, so it stays under the eyes of who looks at it, and says that it works
    await until(lambda: row.get_by_text("Werkt", exact=True).count(), "it works again", SEEN_SECONDS)
    assert "Post hoort nu bij Werkt." in await row.inner_text()
    await page.locator(f"#k{id} .twist").click()
    await page.locator("#pause").focus()
    await page.mouse.move(3, 3)
    await until(lambda: in_group(page, id, "works"), "its own group")
    await until(lambda: chef.locator("nav [data-trouble]").is_hidden(), "no badge")
    assert "3" == await chef.locator('[data-tile="channels"] .n').inner_text()


async def test_a_row_that_somebody_looks_at_does_not_change_its_group(place, sign_in):
    page, id = await sign_in("Anna de Rijk", "/kanalen"), place.channels["email"]
    await live(page)

    async def health(name: str) -> None:
        async with place.database.transaction() as connection:
            await channel.set_health(connection, id, name, "De server zwijgt." if name == "down" else "",
                                     datetime.now(UTC))
        place.house.bell()

    await health("ok")
    await until(lambda: in_group(page, id, "works"), "it works")
    twist = page.locator(f"#k{id} .twist")
    await twist.focus()
    before = await page.locator(f"#k{id}").bounding_box()
    await health("down")
    await page.locator(f"#k{id} .moved-note").wait_for()
    assert await in_group(page, id, "works")
    assert before["y"] == (await page.locator(f"#k{id}").bounding_box())["y"]
    assert f"k{id}" == await page.evaluate("document.activeElement.closest('tbody').id")
    await page.locator("#pause").focus()
    await page.mouse.move(3, 3)
    await until(lambda: in_group(page, id, "attention"), "it moved when it was left")

    # open: it stays where it is until it is closed
    await twist.press("Enter")
    await page.locator(f"#k{id} .klog").wait_for()
    await page.locator("#pause").focus()
    await health("ok")
    await page.locator(f"#k{id} .moved-note").wait_for()
    assert await in_group(page, id, "attention")
    await twist.press(" ")
    await page.locator("#pause").focus()
    await until(lambda: in_group(page, id, "works"), "it moved when it was closed")
    assert "E-mail werkt weer." == await page.locator("#say").inner_text()


async def test_refreshing_is_paused_and_goes_on(place, sign_in):
    page, id = await sign_in("Anna de Rijk", "/kanalen", viewport=NARROW), place.channels["form"]
    await live(page)
    await page.locator("#pause").click()
    async with place.database.transaction() as connection:
        await channel.set_health(connection, id, "down", "Weg.", datetime.now(UTC))
    place.house.bell()
    await until(lambda: page.locator("nav [data-trouble]").is_visible(), "the badge tells")
    assert not await in_group(page, id, "attention")
    await page.locator("#pause").click()
    await until(lambda: in_group(page, id, "attention"), "the page goes on")


@pytest.mark.parametrize("who", ["Anna de Rijk", "Sanne Vos"])
async def test_the_opening_is_set_in_a_dialog(place, sign_in, who):
    page, id = await sign_in(who, "/kanalen"), place.channels["form"]
    await live(page)
    await page.locator(f"#k{id} .opn").click()
    await page.locator("#sheet #opening").wait_for()
    assert (await page.locator("#opening-title").bounding_box())["x"] >= 12 + (
        await page.locator("#sheet").bounding_box())["x"]
    await page.get_by_label("Gesloten").check()
    await page.locator("#sheet").get_by_role("button", name="Bewaar").click()
    await until(lambda: in_group(page, id, "not_open"), "closed")
    assert "Gesloten" in await page.locator(f"#k{id} .opn").inner_text()
