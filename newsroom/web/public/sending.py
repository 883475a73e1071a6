"""Sending a form: once, however often the button is pressed, and with word to whoever sent it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from aiohttp import web

from connectors import Delivery, DeliveryKey
from connectors.web_form import FORM, submission
from newsroom import answer, delivery, form_file, limit, term
from newsroom.conversation import NORMAL
from newsroom.form import in_language, routing
from newsroom.hours import due
from newsroom.web import limits
from newsroom.web.errors import is_database_gone
from newsroom.web.keys import DATABASE, WRITER, now
from newsroom.web.public.pages import say_moment
from newsroom.web.public.state import new_key
from newsroom.web.public.visit import Visit


async def send(visit: Visit) -> web.Response:
    """Hand the form over, and show the receipt after it is stored."""
    visit.problems += visit.check(visit.form.fields)
    if visit.problems:
        first = visit.form.field(visit.problems[0].field)
        return visit.step(first.step if first else 1, 422)
    made = await _delivery(visit)
    if isinstance(made, web.Response):
        return made
    channel_id, at = visit.form.channel_id, now(visit.request)
    async with visit.request.app[DATABASE].connection() as connection:
        before = await delivery.known(connection, channel_id, made.key)
        if before is None:
            if visit.state.stale(at):
                visit.state = visit.state.renewed(at)
                return visit.review(409, "stale")
            if visit.state.age(at) < limits.PATIENCE_SECONDS:
                return _wait(visit, "patience", limits.PATIENCE_SECONDS)
            if wait := await limit.take(connection, f"form:{visit.place}", limits.FORM_SENDS, at):
                return _wait(visit, "busy", wait)
    if before is None:
        receipt = await visit.request.app[WRITER].put(channel_id, made)
        reference, same = receipt.reference, not receipt.differs
    else:
        reference, at, sha256 = before
        same = sha256 == hashlib.sha256(made.body).digest()
    if not same:
        return visit.notice("sent_before", 409, reference=reference)
    return await _receipt(visit, reference, at)


async def again(visit: Visit) -> web.Response:
    """The changed answers of a form that was sent before become a message of their own."""
    old = visit.state
    visit.state = replace(old, key=new_key(), files=())
    async with visit.request.app[DATABASE].connection() as connection:
        contents = await form_file.contents(connection, old.key, [one.id for one in old.files])
        for one in old.files:
            if one.id in contents:
                kept = await form_file.stage(connection, visit.state.key, one.field, one.name, one.type,
                                             contents[one.id], now(visit.request))
                visit.state = replace(visit.state, files=(*visit.state.files, kept))
    return await send(visit)


async def _delivery(visit: Visit) -> Delivery | web.Response:
    """The form as it will be stored, or a page that says which files are gone by now."""
    state, form = visit.state, visit.form
    async with visit.request.app[DATABASE].connection() as connection:
        contents = await form_file.contents(connection, state.key, [one.id for one in state.files])
    gone = [one for one in state.files if one.id not in contents]
    if gone:
        visit.state = replace(state.renewed(now(visit.request)),
                              files=tuple(one for one in state.files if one not in gone))
        return visit.review(409, "files")
    answers = answer.shown(form, state.answers, state.names(), "nl")  # as staff know them
    body = submission.body(form.slug, in_language(form.title, "nl"), form.version, visit.language, answers,
                           [(one.field, one.name, one.type, contents[one.id]) for one in state.files])
    return Delivery(DeliveryKey(f"form:{state.key}"), body, now(visit.request), submission.CONTENT_TYPE, _meta(visit))


def _meta(visit: Visit) -> dict[str, str]:
    """Where it goes: read by the intake. A robot's form goes to the spam folder, where people look."""
    team, labels, priority = routing(visit.form, visit.state.answers)
    meta = {"source": FORM, "team": str(team or ""), "labels": ",".join(map(str, labels)),
            "priority": "" if priority is None else str(priority), "spam": "1" if visit.state.bait else ""}
    return {name: value for name, value in meta.items() if value}


async def _receipt(visit: Visit, reference: str, at: datetime) -> web.Response:
    answers = answer.shown(visit.form, visit.state.answers, visit.state.names(), visit.language)
    reached = {one.role for one in answers if one.role in ("email", "phone")}
    until = await _until(visit, at)
    return visit.receipt(reference=reference, answers=answers, reached=sorted(reached),
                         received=say_moment(at, visit.language),
                         until=say_moment(until, visit.language) if until and reached else "")


async def _until(visit: Visit, at: datetime) -> datetime | None:
    """Before when there is an answer, by the same clock as on the board; None when the hours never open."""
    team, _, priority = routing(visit.form, visit.state.answers)
    channel_id = visit.form.channel_id
    try:
        async with visit.request.app[DATABASE].connection() as connection:
            terms = await term.load(connection, at.date())
        return due(at, terms.target(channel_id, NORMAL if priority is None else priority),
                   terms.hours(channel_id, team or visit.shown.served.team_id))
    except Exception as error:
        if isinstance(error, ValueError) or is_database_gone(error):
            return None  # it is received: that is what counts now
        raise


def _wait(visit: Visit, kind: str, seconds: int) -> web.Response:
    response = visit.notice(kind, 429, minutes=-(-seconds // 60))
    response.headers["Retry-After"] = str(seconds)
    return response
