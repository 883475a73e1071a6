"""Beheer, a chat: the line that puts it on a site, and a page to try it on."""

from __future__ import annotations

from aiohttp import web

from connectors.chat import PERSON
from newsroom import channel, theme
from newsroom.channel import Channel, NoChannel
from newsroom.web.admin.frame import ID, PATH
from newsroom.web.keys import DATABASE, RENDER, SETTINGS
from newsroom.web.public.pages import scheme
from newsroom.web.render import language_of, page
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    add.page("GET", f"{PATH}/kanalen/{ID}/chat", show, "configure", name="admin_chat")
    add.page("GET", f"{PATH}/kanalen/{ID}/chat/voorbeeld", preview, "configure", name="admin_chat_preview")


async def show(request: web.Request) -> web.Response:
    """What to put on the site, with what can be added to it."""
    row = await _find(request)
    tag = request.app[RENDER].text("public/chat_tag.html", "nl", home=request.app[SETTINGS].address, id=row.id)
    return page(request, "admin/chat.html", row=row, tag=tag.strip())


async def preview(request: web.Request) -> web.Response:
    """A page of the municipality as it could be, with the chat on it."""
    row, speech = await _find(request), language_of(request)
    async with request.app[DATABASE].connection() as connection:
        style = await theme.load(connection)
    html = request.app[RENDER].text(
        "admin/chat_preview.html", speech, row=row, framed=False, scheme=scheme(request), menu=theme.links(style.menu),
        footer=theme.links(style.footer))
    return web.Response(text=html, content_type="text/html", charset="utf-8")


async def _find(request: web.Request) -> Channel:
    """The chat in this address. Raises `HTTPNotFound`."""
    try:
        async with request.app[DATABASE].connection() as connection:
            row = await channel.get(connection, int(request.match_info["id"]))
    except NoChannel as error:
        raise web.HTTPNotFound from error
    if row.kind != PERSON or row.archived_at is not None:
        raise web.HTTPNotFound
    return row
