"""The opening: whether a channel is open to the public, by its hours or as somebody set it, and the words that go
with that. A closed channel still takes in what comes: nothing is ever lost.

`of` is what the public form and the chat ask. What was set is a row with a beginning and perhaps an end, so that the
present and the planned are one thing; the timer only tells that one began or ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from newsroom import change, channel
from newsroom.change import By, Wrong
from newsroom.database import Connection
from newsroom.event import Draft, record
from newsroom.hours import Hours, next_close, next_open
from newsroom.term import load

State = Literal["open", "closed", "redirect", "calamity"]
STATES: tuple[State, ...] = ("open", "closed", "redirect", "calamity")
SCHEMES = ("https", "http", "mailto", "tel")  # where a resident may be led to
LONGEST_TEXT, LONGEST_TARGET = 500, 300  # characters
FARTHEST = timedelta(days=2 * 366)
MOST_PLANNED = 50  # of one channel
LATE = timedelta(minutes=5)  # a beginning so long ago means now: filling in takes a while


@dataclass(frozen=True, slots=True)
class Plan:
    """One row: what was set, from when until when; no end: until somebody changes it."""

    id: int
    channel_id: int
    state: State
    begins_at: datetime
    ends_at: datetime | None = None
    text_nl: str = ""
    text_en: str = ""
    target: str = ""
    account_id: int | None = None

    def text(self, language: str) -> str:
        """What the public reads; empty: the usual words. Without a translation the Dutch."""
        return (self.text_en if language == "en" else "") or self.text_nl


@dataclass(frozen=True, slots=True)
class Opening:
    """A channel at one moment. `plan` is what somebody set; without one the hours count. `until` is when this ends,
    as far as is known; `opens_at` the next opening by the hours, while they are closed."""

    state: State = "open"
    plan: Plan | None = None
    until: datetime | None = None
    opens_at: datetime | None = None
    always: bool = False
    planned: Sequence[Plan] = field(default=())

    @property
    def open(self) -> bool:
        """Whether somebody is there now, if only for calamities."""
        return self.takes and self.opens_at is None

    @property
    def takes(self) -> bool:
        """Whether a resident is offered to write here, also outside the hours."""
        return self.state in ("open", "calamity")

    @property
    def target(self) -> str:
        return self.plan.target if self.plan and self.state == "redirect" else ""

    def text(self, language: str) -> str:
        """The words that were written for the public, or none."""
        return self.plan.text(language) if self.plan else ""


async def of(connection: Connection, channel_id: int, at: datetime) -> Opening:
    """Whether a channel is open at `at`, with what the public is told."""
    return (await every(connection, [channel_id], at))[channel_id]


async def every(connection: Connection, channel_ids: Sequence[int] | None, at: datetime) -> dict[int, Opening]:
    """The same of several channels, with what is planned; None: of all in use."""
    if channel_ids is None:
        channel_ids = [row.id for row in await channel.every(connection)]
    # what was set and is not over; a channel has few
    rows = await connection.fetch(
        "select id, channel_id, state, begins_at, ends_at, text_nl, text_en, target, account_id from opening"
        " where channel_id = any($1::int[]) and (ends_at is null or ends_at > $2) order by begins_at desc, id desc",
        list(channel_ids), at)
    plans: dict[int, list[Plan]] = {id: [] for id in channel_ids}
    for row in rows:
        plans[row["channel_id"]].append(Plan(**row))
    terms = await load(connection, at.date())
    return {id: at_moment(found, terms.hours(id, None), at) for id, found in plans.items()}


def at_moment(plans: Sequence[Plan], hours: Hours, at: datetime) -> Opening:
    """The opening at `at`. Of what holds, the one that began last counts; the same moment: the one made last."""
    holding = [one for one in plans if one.begins_at <= at and (one.ends_at is None or one.ends_at > at)]
    planned = sorted((one for one in plans if one.begins_at > at), key=lambda one: (one.begins_at, one.id))
    if holding:
        plan = max(holding, key=lambda one: (one.begins_at, one.id))
        following = [one.begins_at for one in planned]
        ends = min([*([plan.ends_at] if plan.ends_at else []), *following], default=None)
        return Opening(plan.state, plan, ends, planned=planned)
    opens = next_open(at, hours)
    return Opening(until=next_close(at, hours), opens_at=opens if opens != at else None, always=hours.always,
                   planned=planned)


async def plan(connection: Connection, wanted: Plan, by: By) -> Plan:
    """Set the opening of a channel from a moment on. From now: what held until now ends. Raises `Wrong` and
    `NoChannel`."""
    row = await channel.lock(connection, wanted.channel_id)
    wanted = _checked(wanted, by.at)
    # of one channel few are planned
    many = await connection.fetchval("select count(*) from opening where channel_id = $1 and begins_at > $2",
                                     wanted.channel_id, by.at)
    if many >= MOST_PLANNED:
        raise Wrong("begins", "wrong.opening.many", n=MOST_PLANNED)
    if wanted.begins_at <= by.at:
        await _end(connection, wanted.channel_id, by.at)
    told = int(wanted.begins_at <= by.at)
    id = await connection.fetchval(
        # one more line of the calendar
        "insert into opening (channel_id, state, begins_at, ends_at, text_nl, text_en, target, account_id, made_at,"
        " told) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id", wanted.channel_id, wanted.state,
        wanted.begins_at, wanted.ends_at, wanted.text_nl, wanted.text_en, wanted.target, by.account_id, by.at, told)
    await _tell(connection, by, row, {}, _public(wanted))
    return Plan(**{name: getattr(wanted, name) for name in Plan.__slots__} | {"id": id,
                                                                             "account_id": by.account_id})


async def cancel(connection: Connection, channel_id: int, id: int, by: By) -> bool:
    """Take back what was planned, or end what holds now. False: it was over already."""
    row = await channel.lock(connection, channel_id)
    old = await connection.fetchrow(
        # what is to go
        "select id, channel_id, state, begins_at, ends_at, text_nl, text_en, target, account_id from opening"
        " where id = $1 and channel_id = $2 and (ends_at is null or ends_at > $3)", id, channel_id, by.at)
    if old is None:
        return False
    if old["begins_at"] < by.at:
        await connection.execute("update opening set ends_at = $2, told = 2 where id = $1", id, by.at)
    else:
        await connection.execute("delete from opening where id = $1", id)
    await _tell(connection, by, row, _public(Plan(**old)), {})
    return True


async def by_hours(connection: Connection, channel_id: int, by: By) -> bool:
    """End what holds now, so that the hours count again. False: nothing did."""
    row = await channel.lock(connection, channel_id)
    if not await _end(connection, channel_id, by.at):
        return False
    await _tell(connection, by, row, {"opening": "set"}, {"opening": "hours"})
    return True


async def tick(connection: Connection, at: datetime) -> int:
    """Tell that what was planned began, and that what had an end ended. Returns how many channels changed."""
    rows = await connection.fetch(
        # whoever marks it tells it
        "update opening o set told = case when ends_at <= $1 then 2 else 1 end from (select id from opening"
        "  where (told = 0 and begins_at <= $1) or (told = 1 and ends_at <= $1) for update skip locked) due"
        " where o.id = due.id returning o.channel_id", at)
    changed = sorted({row["channel_id"] for row in rows})
    await record(connection, [Draft("channel_changed", at, data={"channel": id, "change": "opening"})
                              for id in changed])
    return len(changed)


async def _end(connection: Connection, channel_id: int, at: datetime) -> bool:
    # one that began at this very moment never was
    gone = await connection.execute("delete from opening where channel_id = $1 and begins_at = $2", channel_id, at)
    done = await connection.execute("update opening set ends_at = $2, told = 2 where channel_id = $1"
                                    " and begins_at < $2 and (ends_at is null or ends_at > $2)", channel_id, at)
    return (gone, done) != ("DELETE 0", "UPDATE 0")


def _checked(wanted: Plan, at: datetime) -> Plan:
    """The plan with tidy texts, beginning now when its beginning just passed. Raises `Wrong`."""
    begins = at if at - LATE <= wanted.begins_at <= at else wanted.begins_at
    if begins < at or begins > at + FARTHEST:
        raise Wrong("begins", "wrong.opening.begins")
    if wanted.ends_at is not None and not begins < wanted.ends_at <= at + FARTHEST:
        raise Wrong("ends", "wrong.opening.ends")
    if wanted.state not in STATES:
        raise Wrong("state", "wrong.choice")
    texts = [" ".join(text.split()) for text in (wanted.text_nl, wanted.text_en)]
    if max(map(len, texts)) > LONGEST_TEXT:
        raise Wrong("text_nl" if len(texts[0]) > LONGEST_TEXT else "text_en", "wrong.opening.text", n=LONGEST_TEXT)
    target = wanted.target.strip() if wanted.state == "redirect" else ""
    if wanted.state == "redirect" and not _leads_somewhere(target):
        raise Wrong("target", "wrong.opening.target")
    return Plan(wanted.id, wanted.channel_id, wanted.state, begins, wanted.ends_at, *texts, target)


def _leads_somewhere(target: str) -> bool:
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    place = parts.netloc if parts.scheme in ("https", "http") else parts.path
    return parts.scheme in SCHEMES and bool(place) and len(target) <= LONGEST_TARGET and target.isprintable() \
        and " " not in target


def _public(one: Plan) -> dict[str, Any]:
    return {"opening": one.state, "begins": one.begins_at.isoformat(),
            "ends": one.ends_at.isoformat() if one.ends_at else None, "text_nl": one.text_nl, "text_en": one.text_en,
            "target": one.target}


async def _tell(connection: Connection, by: By, row: channel.Channel, before: Mapping[str, Any],
                after: Mapping[str, Any]) -> None:
    await change.note(connection, by, "opening", row.id, row.name, before, after)
    await record(connection, [Draft("channel_changed", by.at, actor_id=by.account_id,
                                    data={"channel": row.id, "change": "opening"})])
