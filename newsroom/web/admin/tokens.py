"""Beheer, API tokens: which programs may do what, a new one that is shown once, and its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from newsroom import account, api_token, channel
from newsroom.change import Wrong
from newsroom.web import fields
from newsroom.web.admin.frame import ID, PATH, Problem, by, done, notice, problem
from newsroom.web.api.frame import TOKENS
from newsroom.web.keys import DATABASE
from newsroom.web.render import page
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    add.page("GET", f"{PATH}/tokens", show, "configure", name="admin_tokens")
    add.page("POST", f"{PATH}/tokens", make, "configure")
    add.page("POST", f"{PATH}/tokens/{ID}/intrekken", revoke, "configure", name="admin_token_revoke")


async def show(request: web.Request) -> web.Response:
    """All tokens, and the form of a new one."""
    return await _page(request, {})


async def make(request: web.Request) -> web.Response:
    """A new token; this answer is the only place where it can be read."""
    form = await fields.read(request)
    scopes = form.texts("scopes")
    whose = {name: next(iter(form.numbers(name)), None) for name in ("channel", "account")}
    try:
        async with request.app[DATABASE].transaction() as connection:
            known = {"channel": {one.id for one in await channel.every(connection)},
                     "account": {one.id for one in await account.everyone(connection) if not one.disabled_at}}
            for name, id in whose.items():
                if id is not None and id not in known[name]:
                    raise Wrong(name, "wrong.choice")
            token = await api_token.create(connection, form.text("name"), scopes, by(request), whose["channel"],
                                           whose["account"])
    except Wrong as wrong:
        return await _page(request, form.all("name", "channel", "account"), scopes,
                           [problem(request, wrong.field, wrong.key)])
    return await _page(request, {}, token=token)


async def revoke(request: web.Request) -> web.StreamResponse:
    """Worth nothing from now on."""
    async with request.app[DATABASE].transaction() as connection:
        if not await api_token.revoke(connection, int(request.match_info["id"]), by(request)):
            raise web.HTTPNotFound
    request.app[TOKENS].forget()
    raise done(request, "admin_tokens", "token_revoked")


async def _page(request: web.Request, typed: Mapping[str, str], ticked: Sequence[str] = (),
                problems: Sequence[Problem] = (), token: str = "") -> web.Response:
    async with request.app[DATABASE].snapshot() as connection:
        rows = await api_token.every(connection)
        channels = [(one.id, one.name) for one in await channel.every(connection)]
        people = [(one.id, f"{one.name} ({one.email})") for one in await account.everyone(connection)
                  if not one.disabled_at]
    blank = {"name": "", "channel": "", "account": ""}
    return page(request, "admin/tokens.html", 422 if problems else 200, rows=rows, channels=channels, people=people,
                typed=blank | typed, ticked=ticked, problems=problems, token=token, scopes=list(api_token.SCOPES),
                notice=notice(request, ("token_revoked",)))
