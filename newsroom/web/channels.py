"""Kanalen: how each channel is, against what is normal, and what a person does about it. The socket tells when to look
again; the page is then asked anew and taken over row by row (js/channels.js)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time

from aiohttp import web
from yarl import URL

from newsroom import board, channel, event, flow, opening, overview, probe, watch
from newsroom.change import Wrong
from newsroom.channel import NoChannel
from newsroom.database import Connection
from newsroom.flow import ZONE
from newsroom.hours import minute_of
from newsroom.opening import Opening, Plan
from newsroom.overview import GROUPS, Row
from newsroom.web import fields
from newsroom.web.admin.frame import ID, Problem, by, done, notice, problem
from newsroom.web.channel_row import Shown, shown, summary, when
from newsroom.web.fields import Fields
from newsroom.web.fragments import times
from newsroom.web.keys import CHANNELS, DATABASE, SCOPE, now, standing
from newsroom.web.render import language_of, page, say
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

SAVED = ("retried", "sending", "not_sending", "opening", "opening_removed")
EMPTY = {"state": "", "begins": "now", "begins_day": "", "begins_time": "", "ends_day": "", "ends_time": "",
         "text_nl": "", "text_en": "", "target": ""}


def routes(add: Routes) -> None:
    one = f"/kanalen/{ID}"
    add.page("GET", "/kanalen", show, "read", name="channels")
    add.page("GET", "/kanalen/stand", stand, "read", name="channels_standing")
    add.page("POST", one + "/opnieuw", retry, "steer", name="channel_retry")
    add.page("POST", one + "/versturen", send_or_not, "steer", name="channel_sending")
    add.page("GET", one + "/openstelling", show_opening, "steer", name="channel_opening")
    add.page("POST", one + "/openstelling", set_opening, "steer")
    add.page("POST", one + "/openstelling/verwijder", remove_opening, "steer", name="channel_opening_remove")


async def show(request: web.Request) -> web.Response:
    """Every channel, in groups. `?open=1,2` opens these rows; without it those with trouble are open."""
    at, scope = now(request), request[SCOPE]
    async with request.app[DATABASE].connection() as connection:  # the holidays of a calendar take a while to load
        openings = await opening.every(connection, None, at)
    async with seen(request).snapshot() as connection:
        epoch, position = await event.position(connection)
        rows = await _shown(request, connection, openings, at)
        todo = await board.todo(connection, scope)
    groups = {name: [one for one in rows if one.group == name] for name in GROUPS}
    speech = language_of(request)
    return page(request, "channels/channels.html", groups=groups, todo=todo, epoch=epoch, position=position,
                count=len(rows), summary=lambda one: summary(one.flow, one.row.name, speech), back=request.path_qs,
                notice=notice(request, SAVED), opened=[one.row.id for one in rows if one.open],
                configure=scope.may("configure"), steer=scope.may("steer"), **times(speech))


async def stand(request: web.Request) -> web.Response:
    """What the tiles of the board say of the channels, as JSON."""
    async with seen(request).snapshot() as connection:
        hour = await flow.pulse(connection, request[SCOPE], now(request))
    found = standing(request.app)
    return web.json_response({"ok": found.ok, "all": found.all, "trouble": found.trouble, "hour": hour.n,
                              "normal": None if hour.normal is None else round(hour.normal), "size": hour.size})


async def retry(request: web.Request) -> web.StreamResponse:
    """Try again now. Who is not listened to is tested instead."""
    id = int(request.match_info["id"])
    async with request.app[DATABASE].transaction() as connection:
        row = await _channel(connection, id)
        await watch.retry(connection, id, by(request))
    kind = request.app[CHANNELS].kinds.get(row.kind)
    if kind is not None and not hasattr(kind, "listen"):
        steps = await probe.check(kind, request.app[CHANNELS].keys, row, {})
        async with request.app[DATABASE].transaction() as connection:
            await channel.set_checked(connection, id, steps, now(request))
    raise _back(request, id, "retried")


async def send_or_not(request: web.Request) -> web.StreamResponse:
    """Stop sending, or send again. Reading goes on."""
    form = await fields.read(request)
    sends = form.text("do") == "send"
    async with request.app[DATABASE].transaction() as connection:
        row = await _channel(connection, int(request.match_info["id"]))
        await channel.set_mode(connection, row.id, "live" if sends else "reading", by(request))
    raise _back(request, row.id, "sending" if sends else "not_sending")


def _back(request: web.Request, id: int, saved: str) -> web.HTTPSeeOther:
    """To the list, where this channel is open as it was."""
    url = URL(done(request, "channels", saved).location)
    return web.HTTPSeeOther(url.update_query(open=str(id)).with_fragment(f"k{id}"))


async def show_opening(request: web.Request) -> web.Response:
    """The opening of one channel, and what is planned."""
    return await _opening_page(request, EMPTY)


async def set_opening(request: web.Request) -> web.StreamResponse:
    """Set the opening from now or from a later moment on."""
    form = await fields.read(request)
    id, who, problems = int(request.match_info["id"]), by(request), []
    wanted = _plan(request, form, id, who.at, problems)
    if problems:
        return await _opening_page(request, form.all(*EMPTY), problems)
    try:
        async with request.app[DATABASE].transaction() as connection:
            await _channel(connection, id)
            if form.text("state") == "hours":
                await opening.by_hours(connection, id, who)
            else:
                await opening.plan(connection, wanted, who)
    except Wrong as wrong:
        return await _opening_page(request, form.all(*EMPTY), [
            problem(request, wrong.field, wrong.key, say(request, f"opening.field.{wrong.field}"),
                    **wrong.values_of_key)])
    raise done(request, "channels", "opening")


async def remove_opening(request: web.Request) -> web.StreamResponse:
    """Take back what was planned, or end what holds now."""
    form = await fields.read(request)
    id, wanted = int(request.match_info["id"]), form.numbers("plan")
    async with request.app[DATABASE].transaction() as connection:
        await _channel(connection, id)
        if wanted:
            await opening.cancel(connection, id, wanted[0], by(request))
    raise done(request, "channels", "opening_removed")


async def _shown(request: web.Request, connection: Connection, openings: Mapping[int, Opening],
                 at: datetime) -> list[Shown]:
    scope, kinds, speech = request[SCOPE], request.app[CHANNELS].kinds, language_of(request)
    rows = await overview.read(connection, scope)
    flows = await flow.read(connection, scope, [row.id for row in rows], at)
    wanted = _open(request.query, rows)
    found = []
    for row in rows:
        log = tuple(await overview.log(connection, scope, row.id)) if row.id in wanted else None
        found.append(shown(row, kinds.get(row.kind), flows[row.id],
                           openings.get(row.id, Opening()), at, speech, log))
    return found


def _open(query: Mapping[str, str], rows: list[Row]) -> set[int]:
    """The rows that are open: as the address says, else those with trouble."""
    if "open" not in query:
        return {row.id for row in rows if row.trouble}
    return {int(part) for part in query["open"].split(",") if part.isascii() and part.isdigit() and len(part) < 10}


async def _opening_page(request: web.Request, typed: Mapping[str, str],
                        problems: list[Problem] | None = None) -> web.Response:
    at, speech = now(request), language_of(request)
    async with request.app[DATABASE].snapshot() as connection:
        row = await _channel(connection, int(request.match_info["id"]))
        found = await opening.of(connection, row.id, at)
    plans = [(one, when(one, at, speech)) for one in ((found.plan,) if found.plan else ()) + tuple(found.planned)]
    return page(request, "channels/opening.html", 422 if problems else 200, row=row, opening=found, plans=plans,
                typed=typed, problems=problems or [], states=opening.STATES, today=at.astimezone(ZONE).date(),
                most=opening.LONGEST_TEXT)


def _plan(request: web.Request, form: Fields, id: int, at: datetime, problems: list[Problem]) -> Plan:
    begins, ends = at, None
    if form.text("state") not in (*opening.STATES, "hours"):
        problems.append(problem(request, "state", "wrong.opening.state"))
    if form.text("begins") == "later":
        begins = _moment(request, form, "begins", problems) or at
    if form.text("ends_day").strip() or form.text("ends_time").strip():
        ends = _moment(request, form, "ends", problems)
    return Plan(0, id, form.text("state"), begins, ends, form.text("text_nl"), form.text("text_en"),  # type: ignore[arg-type]
                form.text("target"))


def _moment(request: web.Request, form: Fields, name: str, problems: list[Problem]) -> datetime | None:
    """A day and a time as they are typed, by the clock here. Only a time means today."""
    minute = minute_of(form.text(f"{name}_time"))
    try:
        day = date.fromisoformat(form.text(f"{name}_day").strip()) if form.text(f"{name}_day").strip() \
            else now(request).astimezone(ZONE).date()
    except ValueError:
        minute = None
    if minute is None or minute >= 24 * 60:
        problems.append(problem(request, name, "wrong.opening.moment", say(request, f"opening.field.{name}")))
        return None
    return datetime.combine(day, time(minute // 60, minute % 60), ZONE)


async def _channel(connection: Connection, id: int) -> channel.Channel:
    """A channel in use. Raises `HTTPNotFound`."""
    try:
        row = await channel.get(connection, id)
    except NoChannel as error:
        raise web.HTTPNotFound from error
    if row.archived_at is not None:
        raise web.HTTPNotFound
    return row
