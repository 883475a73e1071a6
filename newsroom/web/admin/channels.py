"""Beheer, channels: what we listen to, whether it works, and the form that tests before it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from connectors import Connector, Secret, SignInNeeded, Step, Verifier
from newsroom import account, calendar, channel, probe, team, term
from newsroom.calendar import Calendar
from newsroom.change import Wrong
from newsroom.channel import Channel, NoChannel, SecretMark
from newsroom.database import Connection
from newsroom.team import Team
from newsroom.web import fields
from newsroom.web.admin import channel_fields, target_fields
from newsroom.web.admin.channel_fields import Filled, Typed
from newsroom.web.admin.frame import ID, PATH, Problem, by, done, notice, problem
from newsroom.web.keys import BROKEN, CHANNELS, DATABASE, SETTINGS, now
from newsroom.web.profile import must_prove, prove_again
from newsroom.web.render import page, say
from newsroom.web.routes import Routes

SAVED = ("channel", "channel_paused", "channel_failed", "tested", "archived")


def routes(add: Routes) -> None:
    one = f"{PATH}/kanalen/{ID}"
    add.page("GET", f"{PATH}/kanalen", show_all, "configure", name="admin_channels")
    add.page("GET", f"{PATH}/kanalen/nieuw/{{kind:[a-z_]{{1,40}}}}", show, "configure", name="admin_channel_new")
    add.page("POST", f"{PATH}/kanalen/nieuw/{{kind:[a-z_]{{1,40}}}}", save, "configure")
    add.page("GET", one, show, "configure", name="admin_channel")
    add.page("POST", one, save, "configure")
    add.page("POST", one + "/test", test, "configure", name="admin_channel_test")
    add.page("POST", one + "/archief", archive, "configure", name="admin_channel_archive")


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel on the screen, with what its form chooses from."""

    row: Channel
    kind: type[Connector]
    marks: Mapping[str, SecretMark]
    filled: Filled
    teams: Sequence[Team]
    calendars: Sequence[Calendar]
    people: Mapping[int, str] = field(default_factory=dict)


async def show_all(request: web.Request) -> web.Response:
    """Every channel with its health, and the kinds that can be added."""
    async with request.app[DATABASE].snapshot() as connection:
        rows = await channel.every(connection)
        teams = {one.id: one.name for one in await team.every(connection)}
    kinds = {name: kind.title for name, kind in sorted(request.app[CHANNELS].kinds.items())}
    return page(request, "admin/channels.html", rows=rows, teams=teams, kinds=kinds, broken=request.app[BROKEN],
                notice=notice(request, SAVED))


async def show(request: web.Request) -> web.Response:
    """The form of one channel, or of a new one."""
    async with request.app[DATABASE].snapshot() as connection:
        row = await _row(request, connection)
        if _lacks_its_part(request, row):
            return _missing(request, row)
        opened = await _open(request, connection)
    return _page(request, opened, opened.filled)


async def save(request: web.Request) -> web.StreamResponse:
    """Test and keep: one action. When the test fails, other connection settings are not kept, unless the channel
    is to be paused; the old ones go on working."""
    form = await fields.read(request)
    async with request.app[DATABASE].snapshot() as connection:
        opened = await _open(request, connection)
    typed = channel_fields.read(request, form, opened.row, opened.kind, opened.marks, opened.teams, opened.calendars)
    if not typed.problems and typed.connects_otherwise(opened.row):
        try:
            await prove_again(request, form)
        except Wrong as wrong:
            typed = replace(typed, problems=[problem(request, wrong.field, wrong.key, say(request, "password.own"))])
    if typed.problems:
        return _page(request, opened, channel_fields.refill(opened.filled, form), typed)
    pause = form.text("do") == "pause"
    steps = await probe.check(opened.kind, request.app[CHANNELS].keys, typed.wanted, typed.secrets, typed.forget,
                              partial(_renewed, request, opened.row, typed))
    works = all(step.ok for step in steps)
    if not works and not pause and (not opened.row.id or typed.connects_otherwise(opened.row)):
        return _page(request, opened, channel_fields.refill(opened.filled, form), typed, steps)
    if pause:
        typed = replace(typed, wanted=replace(typed.wanted, mode="paused"))
    try:
        id = await _keep(request, opened, typed, steps)
    except Wrong as wrong:
        shown = problem(request, wrong.field, wrong.key)
        typed = replace(typed, problems=[shown])
        return _page(request, opened, channel_fields.refill(opened.filled, form), typed, steps)
    raise done(request, "admin_channel", "channel_paused" if pause else "channel" if works else "channel_failed", id=id)


async def test(request: web.Request) -> web.StreamResponse:
    """Test the settings in use."""
    async with request.app[DATABASE].connection() as connection:
        opened = await _open(request, connection)
    steps = await probe.check(opened.kind, request.app[CHANNELS].keys, opened.row, {},
                              renewed=partial(request.app[CHANNELS].renewed, opened.row.id))
    if all(step.ok for step in steps):
        steps += await probe.prove(request.app[CHANNELS], request.app[DATABASE], opened.row)
    async with request.app[DATABASE].transaction() as connection:
        await channel.set_checked(connection, opened.row.id, steps, now(request))
    raise done(request, "admin_channel", "tested", id=opened.row.id)


async def archive(request: web.Request) -> web.StreamResponse:
    """Out of use, after a tick that says so."""
    form = await fields.read(request)
    async with request.app[DATABASE].snapshot() as connection:
        row = await _row(request, connection)
        if not form.on("sure"):
            shown = [problem(request, "sure", "wrong.not_sure")]
            if _lacks_its_part(request, row):
                return _missing(request, row, shown)
            opened = await _open(request, connection)
            return _page(request, opened, opened.filled, Typed(opened.row, {}, problems=shown))
    async with request.app[DATABASE].transaction() as connection:
        await channel.archive(connection, row.id, by(request))
    raise done(request, "admin_channels", "archived")


async def _keep(request: web.Request, opened: Opened, typed: Typed, steps: Sequence[Step]) -> int:
    """All of the form in one transaction."""
    keys, who = request.app[CHANNELS].keys, by(request)
    async with request.app[DATABASE].transaction() as connection:
        if opened.row.id:
            row = await channel.update(connection, keys, opened.kind, typed.wanted, typed.secrets, who, typed.forget)
        else:
            row = await channel.add(connection, keys, opened.kind, typed.wanted, typed.secrets, who)
        await calendar.set_targets(connection, row.id, row.name, typed.targets, who)
        if row.hours_id != opened.row.hours_id:
            await term.recompute(connection, who.at, who.account_id)
        await channel.set_checked(connection, row.id, steps, who.at)
    return row.id


async def _renewed(request: web.Request, row: Channel, typed: Typed, name: str, value: Secret) -> None:
    """During the test the server renewed a credential. One that is in use is kept whatever becomes of the form: the
    old one no longer works. One that was typed goes with the form."""
    if row.id and name not in typed.secrets:
        await request.app[CHANNELS].renewed(row.id, name, value)
    else:
        typed.secrets[name] = value.reveal()


async def _row(request: web.Request, connection: Connection) -> Channel:
    """The channel of this address, or a new one. Raises `HTTPNotFound`."""
    if "id" not in request.match_info:
        name = request.match_info["kind"]
        return Channel(0, name, "", mode=first_mode(request.app[CHANNELS].kinds.get(name)))
    try:
        row = await channel.get(connection, int(request.match_info["id"]))
    except NoChannel as error:
        raise web.HTTPNotFound from error
    if row.archived_at is not None:
        raise web.HTTPNotFound
    return row


def first_mode(kind: type[Connector] | None) -> channel.Mode:
    """How a new channel starts: what writes to the outside world reads along first."""
    return "reading" if kind and kind.capabilities.sends and not kind.capabilities.live else "live"


def _lacks_its_part(request: web.Request, row: Channel) -> bool:
    """Whether a channel of ours is of a kind that is not installed any more, or does not start."""
    return bool(row.id) and row.kind not in request.app[CHANNELS].kinds


def _missing(request: web.Request, row: Channel, problems: Sequence[Problem] = ()) -> web.Response:
    """What can be done with such a channel: nothing but putting it out of use."""
    why = next((one for one in request.app[BROKEN] if one.name == row.kind), None)
    return page(request, "admin/channel_missing.html", 422 if problems else 200, row=row, why=why, problems=problems)


async def _open(request: web.Request, connection: Connection) -> Opened:
    """The channel of this address, with its form. Raises `HTTPNotFound`."""
    kinds, row = request.app[CHANNELS], await _row(request, connection)
    try:
        kind = kinds.kind(row.kind)
    except SignInNeeded as error:
        raise web.HTTPNotFound from error
    terms = await term.load(connection, now(request).date())
    targets = await calendar.targets(connection, row.id) if row.id else {}
    marks = channel.secrets_of(row, kinds.keys, strict=False)
    filled = channel_fields.fill(request, row, kind, marks, target_fields.rows(request, targets, terms, row.id,
                                                                                     row.kind))
    people = {one.id: one.name for one in await account.everyone(connection)}
    return Opened(row, kind, marks, filled, await team.active(connection), await calendar.every(connection), people)


def _page(request: web.Request, opened: Opened, filled: Filled, typed: Typed | None = None,
          steps: Sequence[Step] = ()) -> web.Response:
    """The form. With `typed` it was not kept: 422, with why."""
    row, problems = opened.row, list(typed.problems) if typed else []
    failed = bool(typed) and bool(steps) and not all(step.ok for step in steps)
    shown: Sequence[Any] = steps or row.checked
    changes = channel_fields.pending(request, opened.filled, filled, _names(opened),
                                     list(typed.secrets) if typed else ())
    ict = probe.for_ict(typed.wanted if typed else row, opened.kind.title, steps or _steps(row))
    push = f"{request.app[SETTINGS].address}{request.app.router['receive'].url_for(id=str(row.id))}" \
        if row.id and issubclass(opened.kind, Verifier) else ""
    return page(request, "admin/channel.html", 422 if typed else 200, row=row, kind=opened.kind, filled=filled,
                teams=opened.teams, calendars=opened.calendars, people=opened.people, problems=problems, failed=failed,
                steps=shown, fresh=bool(steps), tested_at=_tested_at(row), changes=changes, ict=ict,
                units=target_fields.UNITS, notice=notice(request, SAVED), modes=channel.MODES,
                ask_password=must_prove(request), general=channel_fields.GENERAL, push=push)


def _names(opened: Opened) -> dict[str, dict[str, str]]:
    return {"team": {str(one.id): one.name for one in opened.teams},
            "hours": {str(one.id): one.name for one in opened.calendars}}


def _tested_at(row: Channel) -> datetime | None:
    return datetime.fromisoformat(row.checked[0]["at"]) if row.checked else None


def _steps(row: Channel) -> list[Step]:
    return [Step(step["name"], step["ok"], step["detail"], step["problem"]) for step in row.checked]
