"""Somebody who fills in a public form, as a browser without JavaScript and without cookies would."""

from __future__ import annotations

import html
import re

from aiohttp import FormData

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
PDF = b"%PDF-1.7\n" + b"x" * 200
ORIGIN = {"Sec-Fetch-Site": "same-origin"}
GOOD = {"a-vraag": "Mijn paspoort is kwijt.\r\nKan het met spoed?", "a-hoe": "Per e-mail",
        "a-email": "fatima@voorbeeld.example", "a-naam": "Fatima El A.", "a-telefoon": ""}


class Page:
    """One answer: what a person would see and send on."""

    def __init__(self, status: int, text: str, headers):
        self.status, self.text, self.headers = status, text, headers

    @property
    def words(self) -> str:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2])).split())

    @property
    def title(self) -> str:
        return html.unescape(re.search(r"<title>(.*?)</title>", self.text)[1])

    def hidden(self) -> dict[str, str]:
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.text)
        return {name: html.unescape(value) for name, value in found}

    @property
    def number(self) -> str:
        return re.search(r'<p class="nr">(\w{10})</p>', self.text)[1]

    @property
    def checked(self) -> list[str]:
        return re.findall(r'value="([^"]*)" checked', self.text)


class Person:
    """Somebody who fills in a form in one browser window."""

    def __init__(self, client, clock, path="/formulier/vraag"):
        self.client, self.clock, self.path, self.page = client, clock, path, None

    async def open(self) -> Page:
        return await self._look(await self.client.get(self.path))

    async def press(self, button: str, files=(), page: Page | None = None, **answers) -> Page:
        data = [*(page or self.page).hidden().items(), ("website", answers.pop("website", "")), ("doe", button)]
        for name, value in answers.items():
            data += [(name, one) for one in value] if isinstance(value, list) else [(name, value)]
        body = FormData(default_to_multipart=True)
        for name, value in data:
            body.add_field(name, value)
        for name, filename, content in files:
            body.add_field(name, content, filename=filename, content_type="application/x-anything")
        self.clock.forward(5)
        return await self._look(await self.client.post(self.path, data=body, headers=ORIGIN))

    async def _look(self, response) -> Page:
        self.page = Page(response.status, await response.text(), response.headers)
        assert "Set-Cookie" not in response.headers
        return self.page

    async def to_review(self, **changes) -> Page:
        await self.open()
        await self.press("verder", **{"a-onderwerp": "Verhuizen"})
        return await self.press("verder", **{**GOOD, **changes})


async def deliveries(db):
    async with db.connection() as connection:
        return [dict(row) for row in await connection.fetch(
            "select reference, body, meta, key, received_at, channel_id from delivery order by id")]
