"""One channel as the page shows it: what is true of it, in words of the catalogue and numbers for the drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors import Connector
from newsroom import language, reconcile
from newsroom.flow import ZONE, Flow
from newsroom.opening import Opening, Plan
from newsroom.overview import Group, Line, Row
from newsroom.web import chart
from newsroom.web.chart import Chart
from newsroom.web.fragments import kind_icon

SOON_DAYS = 14  # a credential that ends within so many days asks for attention
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence of the catalogue: its key and values."""

    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """One row. `state` is down, faltering, slow, missing, paused, reading, ok or new, `since` since when; `key` and
    `complete` are the words of those columns with how bad they are ("", "good", "soon", "bad"), `lateness` that of the
    conversation that waits longest: 0 on time, 1 almost late, 2 late."""

    row: Row
    group: Group
    icon: str
    sends: bool
    flow: Flow
    opening: Opening
    opens: Words
    state: str
    since: datetime | None
    key: tuple[str, Words]
    complete: tuple[str, Words]
    spark: Chart
    lateness: int
    open: bool
    chart: Chart | None = None
    log: tuple[Line, ...] = ()

    @property
    def late_share(self) -> int | None:
        """How many percent of its open conversations is late; None without any."""
        return round(100 * self.row.late / self.row.open) if self.row.open else None


def shown(row: Row, kind: type[Connector] | None, flow: Flow, opening: Opening, at: datetime, speech: str,
          log: tuple[Line, ...] | None = None) -> Shown:
    """A row; with its log it is open, and has its large drawing."""
    state = _state(row)
    since = row.slow_since if state == "slow" else row.health_since
    broken = since if state in ("down", "faltering", "slow") else None
    large = chart.draw(flow, chart.LARGE, broken) if log is not None else None
    return Shown(row, row.group(opening.takes), kind_icon(row.kind),
                 kind is not None and kind.capabilities.sends, flow, opening, _opens(opening, at, speech), state, since,
                 _key(row, at), _complete(row, kind), chart.draw(flow, chart.SMALL), _lateness(row, at),
                 log is not None, large, log or ())


def summary(flow: Flow, name: str, speech: str) -> Words:
    """The drawing in one sentence."""
    values: dict[str, Any] = {"name": name, "count": flow.now.n}
    if flow.now.normal is None:
        return Words("flow.summary.unknown", values)
    values |= {"normal": round(flow.now.normal), "size": flow.now.size}
    if flow.now.size == "normal" or flow.since is None:
        return Words("flow.summary.now", values)
    return Words("flow.summary.since", values | {"since": language.clock(flow.since)})


def when(plan: Plan, at: datetime, speech: str) -> Words:
    """From when until when, for the list of what is planned."""
    begins = language.moment(plan.begins_at, speech, now=at)
    if plan.ends_at is None:
        return Words("opening.from", {"begins": begins})
    same_day = plan.begins_at.astimezone(ZONE).date() == plan.ends_at.astimezone(ZONE).date()
    ends = language.clock(plan.ends_at) if same_day else language.moment(plan.ends_at, speech, now=at)
    return Words("opening.between", {"begins": begins, "ends": ends})


def _state(row: Row) -> str:
    if row.mode == "paused":
        return "paused"
    if row.health in ("down", "faltering"):
        return row.health
    if row.slow_since is not None:
        return "slow"
    if row.trouble:
        return "missing"
    return "reading" if row.mode == "reading" else row.health


def _lateness(row: Row, at: datetime) -> int:
    if row.oldest_due is not None and row.oldest_due <= at:
        return 2
    return 1 if row.oldest_soon is not None and row.oldest_soon <= at else 0


def _opens(opening: Opening, at: datetime, speech: str) -> Words:
    """The words on the button."""
    if opening.opens_at is not None:
        return Words("opening.opens", {"time": _short(opening.opens_at, at, speech)})
    if opening.plan is None and opening.always:
        return Words("opening.always", {})
    if opening.until is None:
        return Words(f"opening.{opening.state}", {})
    return Words("opening.until", {"state": opening.state, "time": _short(opening.until, at, speech)})


def _short(moment: datetime, at: datetime, speech: str) -> str:
    """A time; with its day when that is another."""
    local = moment.astimezone(ZONE)
    if local.date() == at.astimezone(ZONE).date():
        return language.clock(moment)
    if moment - at < 6 * DAY:
        return f"{language.text(speech, f'weekday.short.{local.weekday()}')} {language.clock(moment)}"
    return language.moment(moment, speech, now=at)


def _key(row: Row, at: datetime) -> tuple[str, Words]:
    if row.key_refused:
        return "bad", Words("channels.key.refused", {})
    if not row.keyed and row.key_ends_at is None:
        return "", Words("channels.key.none", {})
    if row.key_ends_at is None:
        return "", Words("channels.key.unknown", {})
    days = (row.key_ends_at.astimezone(ZONE).date() - at.astimezone(ZONE).date()).days
    if days <= 0:
        return "bad", Words("channels.key.over", {})
    return "soon" if days <= SOON_DAYS else "", Words("channels.key.days", {"n": days})


def _complete(row: Row, kind: type[Connector] | None) -> tuple[str, Words]:
    numbers = {"source": row.source_n, "held": (row.source_n or 0) - (row.missing or 0)}
    if not reconcile.counts(kind):
        found = ("", Words("channels.complete.waiting", {"n": row.waiting})) if row.waiting else \
            ("", Words("channels.complete.direct", {}))
        return found
    if row.missing:
        return "bad", Words("channels.complete.missing", numbers | {"n": row.missing})
    if row.source_n is None:
        return "", Words("channels.complete.never", {})
    if row.count_problem:
        return "", Words("channels.complete.unknown", {})
    if row.waiting:
        return "", Words("channels.complete.waiting", numbers | {"n": row.waiting})
    return "good", Words("channels.complete.all", numbers)
