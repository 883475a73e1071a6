"""Somebody at the pages of Beheer, with a browser without JavaScript."""

from __future__ import annotations

import html
import re
from contextlib import asynccontextmanager

from newsroom import session
from newsroom.channel import Live
from newsroom.web import application
from newsroom.web.keys import BELL, CHANNELS
from tests.house import add_account
from tests.tap import KINDS, PASSWORD, WELLS, Well
from tests.test_channel import KEYS
from tests.web.site import START, site

SAME = {"Sec-Fetch-Site": "same-origin"}
ADDRESS = "kraan@voorbeeldstad.example"
NEW = {"name": "E-mail info@", "team": "", "mode": "live", "hours": "", "signature_text": "Groet", "signature_html": "",
       "s-address": ADDRESS, "s-port": "143", "s-security": "none", "s-password": PASSWORD, "s-origins": "",
       "amount-1": "2", "unit-1": "working_days", "do": "test"}
PAGES = ("", "/kanalen", "/kanalen/nieuw/tap", "/kanalen/1", "/teams", "/teams/nieuw", "/teams/1", "/labels",
         "/labels/nieuw", "/labels/1", "/standaardantwoorden", "/standaardantwoorden/nieuw", "/afrondredenen",
         "/afrondredenen/nieuw", "/afrondredenen/1", "/openingstijden", "/openingstijden/nieuw", "/openingstijden/1",
         "/sluitingsdagen", "/doelen", "/doelen/1", "/logboek")


class Admin:
    """What they see and send."""

    def __init__(self, client, cookie: str, rung: list):
        self.client, self.cookie, self.rung = client, cookie, rung
        self.status, self.text = 0, ""

    async def open(self, path: str):
        return await self._look(await self.client.get(path, headers=self._headers))

    async def send(self, path: str, data=None, /, **fields):
        body = {**(data or {}), **fields}
        answer = await self.client.post(path, data=body, headers=self._headers | SAME, allow_redirects=False)
        await self._look(answer)
        if answer.status == 303:
            await self.open(answer.headers["Location"])
            self.status = 303
        return self

    @property
    def words(self) -> str:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2])).split())

    @property
    def problems(self) -> list[str]:
        """The lines of the summary; each must lead to something on the page."""
        summary = re.search(r'<div class="errs".*?</div>', self.text, re.S)
        found = re.findall(r'<a href="#([^"]+)">(.*?)</a>', summary[0] if summary else "", re.S)
        assert [] == [id for id, _ in found if f'id="{id}"' not in self.text]
        return [html.unescape(words) for _, words in found]

    def value(self, name: str) -> str:
        return html.unescape(re.search(rf'name="{name}"[^>]*?value="([^"]*)"', self.text)[1])

    @property
    def _headers(self):
        return {"Cookie": self.cookie} if self.cookie else {}

    async def _look(self, answer):
        self.status, self.text, self.headers = answer.status, await answer.text(), answer.headers
        return self


@asynccontextmanager
async def beheer(db, *roles: str, speech: str = "nl"):
    WELLS[ADDRESS] = Well()
    someone = await add_account(db, "Bas", *roles)
    async with db.transaction() as connection:
        await connection.execute("update account set language = $1", speech)
        token = await session.start(connection, someone.account_id, START, "", "")
    rung: list[int] = []
    more = {CHANNELS: Live(db, KINDS, KEYS), BELL: lambda: rung.append(1)}
    async with site(db, *application.PARTS, more=more) as client:
        yield Admin(client, f"newsroom-8080={token}", rung)


async def one_of_each(bas: Admin) -> None:
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    await bas.send("/beheer/teams/nieuw", name="Webcare")
    await bas.send("/beheer/labels/nieuw", name="Afval", topic="1")
    await bas.send("/beheer/afrondredenen/nieuw", name_nl="Klaar", name_en="Done", outcome="answered")
    await bas.send("/beheer/openingstijden/nieuw", {"name": "Kantoor", "from-0-0": "9", "to-0-0": "17", "do": "save"})
