"""What handlers find in the application and in the request, each under a typed key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from connectors import Broken, Connector
from newsroom.access import Scope
from newsroom.account import Account
from newsroom.attendance import Attendance
from newsroom.channel import Live
from newsroom.database import Database
from newsroom.delivery import Writer
from newsroom.feed import Feed
from newsroom.session import Session
from newsroom.settings import Settings
from newsroom.watch import Standing

if TYPE_CHECKING:
    from newsroom.web.render import Render

DATABASE = web.AppKey("database", Database)
SETTINGS = web.AppKey("settings", Settings)
RENDER: web.AppKey[Render] = web.AppKey("render")
CLOCK = web.AppKey("clock", Callable[[], datetime])
TASKS = web.AppKey("tasks", set[asyncio.Task[Any]])
# set by the composition root (app.py)
FEED = web.AppKey("feed", Feed)
WRITER = web.AppKey("writer", Writer)  # deliveries of many requests in one commit
BELL = web.AppKey("bell", Callable[[], None])  # call after every commit that wrote an event
ATTENDANCE = web.AppKey("attendance", Attendance)  # whose chat is open, and who types
SIGNING: web.AppKey[Callable[[str], bytes]] = web.AppKey("signing")  # a key per purpose
CONNECTOR: web.AppKey[Callable[[int], Awaitable[Connector]]] = web.AppKey("connector")  # of a channel
CHANNELS = web.AppKey("channels", Live)  # the kinds of channels, and the keys of their credentials
BROKEN: web.AppKey[Sequence[Broken]] = web.AppKey("broken")  # kinds that are installed and left out

REFERENCE = web.RequestKey("reference", str)  # of this request; on error pages and in the log
ADDRESS = web.RequestKey("address", str)  # the visitor's, never a header's word alone
CSP = web.RequestKey("csp", Mapping[str, str])  # changes to the strict policy; see security.py
ACCOUNT = web.RequestKey("account", Account)  # who is signed in
SESSION = web.RequestKey("session", Session)
SCOPE = web.RequestKey("scope", Scope)  # what they may see and do

log = structlog.get_logger("newsroom.web")


def utc_now() -> datetime:
    return datetime.now(UTC)


def now(request: web.Request) -> datetime:
    """The moment for domain verbs."""
    return request.app[CLOCK]()


def standing(app: web.Application) -> Standing:
    """How the channels are, as the feed last heard."""
    return app[FEED].standing if FEED in app else Standing()


def later(app: web.Application, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` after the answer. Held until it is done; a failure is logged."""
    task = asyncio.create_task(work)
    app[TASKS].add(task)
    task.add_done_callback(lambda done: _finished(app, done))


def _finished(app: web.Application, task: asyncio.Task[Any]) -> None:
    app[TASKS].discard(task)
    if not task.cancelled() and task.exception():
        log.error("background work failed", exc_info=task.exception())
