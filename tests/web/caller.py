"""Somebody who is signed in to the running house, as a browser without scripts or as the board's own scripts."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from tests.browser.town import Town


@dataclass
class Visitor:
    """Somebody who is signed in, as a browser without scripts or as the board's own scripts."""

    place: Town
    session: aiohttp.ClientSession
    cookie: str

    async def get(self, path: str, **headers: str) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self.session.get(self.place.url + path, headers={"Cookie": self.cookie, **headers},
                                    allow_redirects=False) as answer:
            return answer.status, await answer.text(errors="replace"), answer

    async def act(self, verb: str, *ids: str, key: str = "k1", **arguments) -> tuple[int, dict]:
        """As the board's scripts ask."""
        body = {"key": key, "ids": list(ids), "verb": verb, "args": arguments}
        async with self.session.post(self.place.url + "/acties", json=body, headers={
                "Cookie": self.cookie, "Origin": self.place.url, "Accept": "application/json"}) as answer:
            return answer.status, await answer.json()

    async def form(self, path: str, **values: str) -> tuple[int, str, str]:
        """As a form is sent: status, text, and where it leads."""
        async with self.session.post(self.place.url + path, data=values, allow_redirects=False, headers={
                "Cookie": self.cookie, "Origin": self.place.url, "Accept": "text/html"}) as answer:
            return answer.status, await answer.text(), answer.headers.get("Location", "")
