"""Somebody who works here, in a browser that keeps cookies and says where it comes from."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from newsroom import account, app, link, password, rights, session
from newsroom.database import Database
from newsroom.settings import Settings
from newsroom.web.keys import CLOCK
from tests.web.site import START, Clock

PASSWORD = "vier losse woorden op een rij"
COOKIE = "newsroom-8080"  # the port in the settings


@dataclass
class Browser:
    """Follows no redirects. `cookies` are what the browser keeps."""

    client: TestClient
    cookies: dict[str, str] = field(default_factory=dict)
    text: str = ""

    async def get(self, path: str, **headers: str):
        return await self._send("GET", path, None, headers)

    async def post(self, path: str, data=None, **headers: str):
        own = f"http://{self.client.host}:{self.client.port}"
        return await self._send("POST", path, data or {}, {"Origin": own, **headers})

    async def _send(self, method: str, path: str, data, headers: dict[str, str]):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        answer = await self.client.request(method, path, data=data, headers=headers, allow_redirects=False)
        for name, morsel in answer.cookies.items():
            if morsel.value and morsel["max-age"] != "0":
                self.cookies[name] = morsel.value
            else:
                self.cookies.pop(name, None)
        self.text = await answer.text()
        return answer

    @property
    def words(self) -> str:
        """What a person reads in the page's main part."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2])).split())

    async def sign_in(self, email: str, secret: str = PASSWORD, **more: str):
        return await self.post("/inloggen", {"email": email, "password": secret, **more})


async def add_person(db: Database, name: str, *roles: str, at=START, teams: tuple[int, ...] = ()) -> int:
    """An account with PASSWORD and the address <name>@voorbeeldstad.example."""
    hashed = await password.hash(PASSWORD)
    async with db.transaction() as connection:
        id = await account.create(connection, f"{name.lower()}@voorbeeldstad.example", name, at)
        await rights.set_roles(connection, id, roles, None, at)
        await rights.set_teams(connection, id, teams, None, at)
        await account.set_password(connection, id, hashed, at)
    return id


async def enter(client: TestClient, db: Database, account_id: int, at=START) -> Browser:
    """A browser in which this person is signed in."""
    async with db.transaction() as connection:
        token = await session.start(connection, account_id, at, "192.0.2.1", "Firefox on Windows")
    return Browser(client, {COOKIE: token})


async def link_for(db: Database, purpose: link.Purpose, account_id: int | None, at=START) -> str:
    async with db.transaction() as connection:
        return await link.make(connection, purpose, account_id, at)


@asynccontextmanager
async def whole(url: str, folder: Path, clock: Clock | None = None, **settings) -> AsyncIterator[TestClient]:
    """Everything that is served, put together as in use, without the working part."""
    async with app.run(Settings(database_url=url, data=folder, **settings), web_part=False, work_part=False) as house:
        house.site[CLOCK] = clock or Clock()
        async with TestClient(TestServer(house.site), cookie_jar=DummyCookieJar()) as client:
            yield client


def filled(path: str, **values: str) -> str:
    """A path of the route table with values: the given ones, or something that fits but does not exist."""
    if path.startswith("/profiel/sessies/"):
        values = {"id": "0123456789abcdef", **values}
    known = {"token": "t" * 43, "id": "999999", "reference": "AAAAAAAAAA", "message": "999999", "file": "999999",
             "content_id": "c1", "kind": "email", "slug": "geen", "version": "0", "name": "css/tokens.css",
             "channel": "999999", **values}
    return re.sub(r"\{(\w+)\}", lambda place: known[place[1]], path)
