"""Beheer, outgoing webhooks: who is told what happens, whether that works, and a new one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from aiohttp import web

from newsroom import account, subscription
from newsroom.change import Wrong
from newsroom.web import fields
from newsroom.web.admin.frame import ID, PATH, Problem, by, done, notice, problem
from newsroom.web.keys import CHANNELS, DATABASE
from newsroom.web.render import page
from newsroom.web.routes import Routes

BLANK = {"name": "", "url": "", "account": ""}


def routes(add: Routes) -> None:
    add.page("GET", f"{PATH}/webhooks", show, "configure", name="admin_webhooks")
    add.page("POST", f"{PATH}/webhooks", make, "configure")
    add.page("POST", f"{PATH}/webhooks/{ID}/hervat", resume, "configure", name="admin_webhook_resume")
    add.page("POST", f"{PATH}/webhooks/{ID}/verwijder", remove, "configure", name="admin_webhook_remove")


async def show(request: web.Request) -> web.Response:
    """All subscriptions with their last tries, and the form of a new one."""
    return await _page(request, {})


async def make(request: web.Request) -> web.Response:
    """A new subscription; this answer is the only place where its secret can be read."""
    form = await fields.read(request)
    secret = f"whsec_{secrets.token_urlsafe(33).replace('-', '+').replace('_', '/')}"
    try:
        async with request.app[DATABASE].transaction() as connection:
            whose = next(iter(form.numbers("account")), 0)
            if whose not in {one.id for one in await account.everyone(connection) if not one.disabled_at}:
                raise Wrong("account", "wrong.webhook_account")
            await subscription.add(connection, request.app[CHANNELS].keys, form.text("name"), form.text("url"), secret,
                                   whose, by(request))
    except Wrong as wrong:
        return await _page(request, form.all(*BLANK), [problem(request, wrong.field, wrong.key, **wrong.values_of_key)])
    return await _page(request, {}, secret=secret)


async def resume(request: web.Request) -> web.StreamResponse:
    """Try again now, from where it stopped."""
    async with request.app[DATABASE].transaction() as connection:
        if not await subscription.resume(connection, int(request.match_info["id"]), by(request)):
            raise web.HTTPNotFound
    raise done(request, "admin_webhooks", "webhook_resumed")


async def remove(request: web.Request) -> web.StreamResponse:
    """Tell it nothing more."""
    async with request.app[DATABASE].transaction() as connection:
        if not await subscription.remove(connection, int(request.match_info["id"]), by(request)):
            raise web.HTTPNotFound
    raise done(request, "admin_webhooks", "removed")


async def _page(request: web.Request, typed: Mapping[str, str], problems: Sequence[Problem] = (),
                secret: str = "") -> web.Response:
    async with request.app[DATABASE].snapshot() as connection:
        rows = [(one, await subscription.tries(connection, one.id)) for one in await subscription.every(connection)]
        people = [(one.id, f"{one.name} ({one.email})") for one in await account.everyone(connection)
                  if not one.disabled_at]
    return page(request, "admin/webhooks.html", 422 if problems else 200, rows=rows, people=people, typed=BLANK | typed,
                problems=problems, secret=secret, notice=notice(request, ("webhook_resumed", "removed")))
