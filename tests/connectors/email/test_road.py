"""The whole road, as a new municipality walks it: a real mailbox and a real mail server, the house between them."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import fields
from time import monotonic

import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from connectors import Secret
from connectors.email import reading
from newsroom import app, reply
from newsroom.settings import Settings
from newsroom.web.keys import utc_now
from tests.connectors.email.conftest import mail
from tests.web.staff import PASSWORD, Browser, link_for

pytestmark = pytest.mark.dovecot
RESIDENT = "Fatima El Amrani <fatima@thuis.example>"
WAIT_SECONDS = 20.0


@asynccontextmanager
async def house(database, folder):
    """Everything in one process, as `newsroom serve` runs it."""
    async with app.run(Settings(database_url=database.url, data=folder), web_part=False) as running, \
            TestClient(TestServer(running.site), cookie_jar=DummyCookieJar()) as client:
        yield running, client


async def until(browser: Browser, path: str, pattern: str) -> re.Match:
    """Open a page until it says this."""
    deadline = monotonic() + WAIT_SECONDS
    while monotonic() < deadline:
        await browser.get(path)
        if found := re.search(pattern, browser.text, re.S):
            return found
        await asyncio.sleep(0.1)
    pytest.fail(f"{path} never said {pattern}: {browser.words}")


async def begun(database) -> None:
    """The reader knows from where it reads: what comes in now is new."""
    async with asyncio.timeout(WAIT_SECONDS), database.connection() as connection:
        while "inbox" not in await connection.fetchval("select cursor from channel where kind = 'email'"):
            await asyncio.sleep(0.02)


def form(settings, **more: str) -> dict[str, str]:
    """The settings of a mailbox as somebody fills them in at Beheer."""
    values = {one.name: getattr(settings, one.name) for one in fields(settings)}
    typed = {f"s-{name}": value.reveal() if isinstance(value, Secret) else str(value) for name, value in values.items()
             if not isinstance(value, bool | tuple)}
    return typed | {"name": "E-mail info@", "team": "", "hours": "", "signature_text": "Gemeente Voorbeeldstad",
                    "signature_html": "", "amount-1": "2", "unit-1": "working_days", "do": "test"} | more


async def test_from_an_empty_house_to_an_answer_and_back(database, dovecot, settings, forwarding, address, tmp_path,
                                                        monkeypatch):
    monkeypatch.setattr(reply, "HOLD", reply.HOLD * 0)
    monkeypatch.setattr(reading, "SENT_SECONDS", 0.3)
    mailbox = settings(smtp_port=forwarding.port)
    async with house(database, tmp_path) as (running, client):
        sanne = Browser(client)
        start = await link_for(running.database, "start", None, utc_now())
        await sanne.post(start, {"name": "Sanne Vos", "email": "sanne@voorbeeldstad.example", "password": PASSWORD,
                                 "roles": "chef_dag"})

        # a mailbox, first reading along, then live; its reply address is proved
        done = await sanne.post("/beheer/kanalen/nieuw/email", form(mailbox, mode="reading"))
        assert 303 == done.status, sanne.words
        channel = done.headers["Location"].partition("?")[0]
        await begun(running.database)
        await sanne.post(channel, form(mailbox, mode="live"))
        assert 303 == (await sanne.post(f"{channel}/test")).status
        await until(sanne, channel, "Antwoordadres werkt")
        forwarding.mails.clear()

        # a question becomes a card
        dovecot.deliver(address, mail(1, From=RESIDENT, To=address))
        reference = (await until(sanne, "/bord", r"/gesprek/(\w{10})[^>]*>[^<]*Vraag 1"))[1]
        page = f"/gesprek/{reference}"
        await sanne.get(page)
        assert "Wanneer is de weg weer open?" in sanne.words

        # the answer goes out signed, under the question
        seen = re.search(r'name="last_seen" value="(\d+)"', sanne.text)[1]
        await sanne.post(f"{page}/antwoord", {"client_id": "k1", "text": "Vrijdag.", "last_seen": seen,
                                              "to": RESIDENT, "then": "waiting"})
        await until(sanne, page, "[Vv]erzonden")
        sent, = (one.content for one in forwarding.mails)
        assert b"In-Reply-To: <vraag.1@thuis.example>" in sent and b"Vrijdag." in sent
        assert b"Reply-To: " in sent and b"+nr." + reference.lower().encode() in sent
        own = re.search(rb"Message-ID: <([^>]+)>", sent, re.I)[1].decode()

        # the resident's answer comes back into the conversation; a stranger who knows its id gets no further
        under = {"Subject": "Re: Vraag 1", "In_Reply_To": f"<{own}>", "To": address}
        dovecot.deliver(address, mail(2, "Dank u wel!", From=RESIDENT, **under))
        await until(sanne, page, "Dank u wel!")
        dovecot.deliver(address, mail(3, "Mag ik meelezen?", From="eve@elders.example", **under))
        other = (await until(sanne, "/bord", r"eve@.*?/gesprek/(\w{10})"))[1]
        await sanne.get(page)
        assert other != reference and "Mag ik meelezen?" not in sanne.words

        # a colleague answers from Outlook: it joins, and the clock stops
        box = dovecot.box(address)
        answer = mail(4, "Ik bel u morgen.", From=address, To=RESIDENT, In_Reply_To="<vraag.2@thuis.example>")
        box.append("Verzonden", "\\Seen", None, answer)
        box.logout()
        await until(sanne, page, "Ik bel u morgen.")
