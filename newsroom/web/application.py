"""The web application: its middlewares, its keys, and every part with its routes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from aiohttp import web

from newsroom.attendance import Attendance
from newsroom.database import Database
from newsroom.settings import Settings
from newsroom.web import (
    actions,
    admin,
    api,
    board,
    canned,
    channels,
    conversation,
    duty,
    entry,
    forms,
    health,
    live,
    mail_body,
    next_one,
    people,
    profile,
    queue,
    queue_list,
    receipt,
    redistribute,
    routes,
    search,
    sign_in,
    views,
    welcome,
)
from newsroom.web.errors import errors
from newsroom.web.gate import gate
from newsroom.web.keys import ATTENDANCE, BELL, CLOCK, DATABASE, RENDER, SETTINGS, TASKS, utc_now
from newsroom.web.presence import Presence
from newsroom.web.public import chat, chat_live, form
from newsroom.web.render import Render
from newsroom.web.routes import Routes
from newsroom.web.security import add_headers
from newsroom.web.visitor import reference

Part = Callable[[Routes], None]
PARTS: Sequence[Part] = (health.routes, live.routes, sign_in.routes, welcome.routes, profile.routes, people.routes,
                         board.routes, views.routes, duty.routes, next_one.routes, channels.routes, search.routes,
                         conversation.routes, canned.routes, mail_body.routes, actions.routes, admin.routes,
                         forms.routes, queue.routes, queue_list.routes, redistribute.routes, entry.routes,
                         receipt.routes, api.routes, form.routes, chat.routes, chat_live.routes)


def make(database: Database, settings: Settings, render: Render | None = None, parts: Sequence[Part] = PARTS,
         clock: Callable[[], datetime] = utc_now) -> web.Application:
    """The application. What further handlers need is put in it by the composition root before it starts."""
    app = web.Application(middlewares=[reference, errors, gate], client_max_size=routes.USUAL_BYTES)
    app[DATABASE], app[SETTINGS], app[CLOCK], app[TASKS] = database, settings, clock, set()
    app[BELL], app[ATTENDANCE] = _nobody_listens, Attendance()
    app[live.PRESENCE] = Presence(lambda: tuple(app.get(live.SOCKETS, ())))
    app[RENDER] = render = render or Render(settings)
    render.router = app.router
    add = Routes(app)
    add.page("GET", "/static/{version}/{name:.+}", render.assets.serve, "public", name="static")
    for part in parts:
        part(add)
    app.on_response_prepare.append(add_headers)
    app.on_startup.append(_check)
    app.on_cleanup.append(_finish)
    return app


def _nobody_listens() -> None:
    """Until the composition root hangs the doorbell: the readers poll."""


async def _check(app: web.Application) -> None:
    routes.check(app)


async def _finish(app: web.Application) -> None:
    """Let what was promised for later be done."""
    await asyncio.gather(*app[TASKS], return_exceptions=True)
