"""The page of the demo: who you are, where to look, and a peak. Only `newsroom demo` serves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from aiohttp import web
from yarl import URL

from newsroom import account, channel, form, link
from newsroom.web import fields
from newsroom.web.keys import DATABASE, now
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.sign_in import open_session

PATH = "/demo"
OTHER_NAME = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}  # the same machine, with cookies of its own
CSP = {"form-action": "'self' http://localhost:* http://127.0.0.1:*"}


class Running(Protocol):
    """The demo while it runs: its peaks by key with their titles, those under way, how one begins, and who is at work
    until when, by name."""

    peaks: Mapping[str, str]

    def at_work(self, at: datetime) -> Mapping[str, datetime]: ...

    @property
    def under_way(self) -> tuple[str, ...]: ...

    def burst(self, name: str) -> bool: ...


class DemoPage:
    """Its handlers. `begin` tells it of the town, when that lives."""

    def __init__(self) -> None:
        self._running: Running | None = None
        self._password = ""

    def begin(self, running: Running, password: str) -> None:
        """`password` is that of everybody in the town."""
        self._running, self._password = running, password

    def routes(self, add: Routes) -> None:
        add.page("GET", PATH, self.show, "signed_in", name="demo", csp=CSP)
        add.page("POST", PATH + "/kijk-als", self.become, "signed_in", name="demo_become")
        add.page("POST", PATH + "/piek", self.burst, "triage", name="demo_burst")

    async def show(self, request: web.Request) -> web.Response:
        async with request.app[DATABASE].connection() as connection:
            people = [one for one in await account.everyone(connection) if one.disabled_at is None]
            chats = [one for one in await channel.every(connection) if one.kind == "chat"]
            forms = [one for one in await form.every(connection) if one.published]
        running = self._running
        return page(request, "demo.html", people=people, forms=forms, chats=chats,
                    peaks=running.peaks if running else {}, under_way=running.under_way if running else (),
                    at_work=running.at_work(now(request)) if running else {}, password=self._password,
                    second=_second(request) is not None)

    async def become(self, request: web.Request) -> web.StreamResponse:
        """Look as somebody else: here, or in a second window that the browser keeps apart from this one."""
        given = await fields.read(request)
        id = next(iter(given.numbers("person")), 0)
        second = _second(request) if given.on("second") else None
        async with request.app[DATABASE].transaction() as connection:
            person = await account.find(connection, id)
            if person is None or person.disabled_at is not None:
                raise web.HTTPNotFound
            path = await link.make(connection, "start", id, now(request)) if second else ""
        if second:
            raise web.HTTPSeeOther(str(second.with_path(path)))
        response = web.HTTPSeeOther("/")
        await open_session(request, response, id, "demo")
        raise response

    async def burst(self, request: web.Request) -> web.StreamResponse:
        """Let many messages about one thing come in."""
        name = (await fields.read(request)).text("peak")
        if self._running is None or name not in self._running.peaks:
            raise web.HTTPNotFound
        self._running.burst(name)
        raise web.HTTPSeeOther(PATH)


def _second(request: web.Request) -> URL | None:
    """This site under its other name on this machine; None when people come from elsewhere."""
    here = URL(f"http://{request.host}")
    other = OTHER_NAME.get(here.host or "")
    return here.with_host(other) if other and request.scheme == "http" else None
