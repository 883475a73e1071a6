"""Beheer: channels, teams, labels, reasons, hours, targets, tokens, webhooks, the log. Users and forms: elsewhere."""

from __future__ import annotations

from aiohttp import web

from newsroom.web.admin import channels, chat, days, hours, lists, log, targets, tokens, webhooks
from newsroom.web.admin.frame import PATH
from newsroom.web.render import page
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    """Every page of Beheer in this package."""
    for part in (channels, chat, lists, hours, days, targets, tokens, webhooks, log):
        part.routes(add)
    add.page("GET", PATH, index, "log", name="admin")


async def index(request: web.Request) -> web.Response:
    """The pages of Beheer as a list: on a phone the side menu has no room."""
    return page(request, "admin/index.html")
