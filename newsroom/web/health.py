"""Whether this process can do its work, for proxies and for who keeps the machine running. Says nothing more."""

from __future__ import annotations

import asyncio

import asyncpg
from aiohttp import web

from newsroom.web.keys import DATABASE
from newsroom.web.routes import Routes

ANSWER_SECONDS = 3.0  # a database that takes longer is as good as away


def routes(add: Routes) -> None:
    add.page("GET", "/health", health, "public", name="health")


async def health(request: web.Request) -> web.Response:
    """200 when the database answers, else 503."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await request.app[DATABASE].answers()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return web.Response(status=503, text="database away\n")
    return web.Response(text="ok\n")
