"""Loading the demo: six weeks of messages that are dealt with, and the last working days with all that is open, played
in the order of their time, in one transaction.

All or nothing: whoever kills it halfway finds an empty database, and the next start loads again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from connectors import Connector
from newsroom import term
from newsroom.database import Connection, Database
from newsroom.demo import town
from newsroom.demo.filling import fill
from newsroom.demo.moment import Moments
from newsroom.demo.past import Past, Plan, past
from newsroom.demo.play import Play
from newsroom.demo.script import read, scripts, times
from newsroom.demo.shift import Shifts, days_off
from newsroom.demo.stand_in import demo_kinds
from newsroom.hours import Hours
from newsroom.intake import Intake
from newsroom.parser import Parsers

LOCK = 7263010  # advisory; two processes do not load at once
SCRIPTED = "w3 00:00"  # from here on the scripts tell of what comes to a mailbox


@dataclass(frozen=True, slots=True)
class Loaded:
    """Whether anything was loaded, how many deliveries, and the chef dag's account (None: not ours)."""

    fresh: bool
    deliveries: int = 0
    chef: int | None = None


async def load(database: Database, secret: bytes, at: datetime, tell: Callable[[float], None] = lambda share: None,
               weeks: bool = True) -> Loaded:
    """Fill an empty database with Voorbeeldstad as it is at `at` (UTC). `secret` signs reply addresses, as in the
    outbox; `tell` hears how far it is, 0 to 1; without `weeks` only the last days. Does nothing when there is a
    municipality already."""
    async with database.transaction() as connection:
        # it takes long, and nobody else is there yet
        await connection.execute("set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0")
        # the second one waits, and then finds it done
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        if await town.is_there(connection):
            return Loaded(False)
        made = await town.build(connection, at)
        hours = (await term.load(connection, at.date())).hours(made.channels["info"], None)
        clock = Clock(at)
        intake = Intake(Within(connection, database), _own_kinds(), Parsers(1), secret, lambda: None, clock)
        moments = Moments(at, hours)
        before = await fill(connection, intake, made, secret, clock, _weeks(moments, hours), tell) if weeks else 0
        play = Play(connection, intake, made, secret, clock)
        agenda = [(when, number, place, script) for number, script in enumerate(scripts())
                  for place, when in enumerate(times(script, moments))]
        for when, _, place, script in sorted(agenda, key=lambda one: one[:3]):
            await play.tick(when)
            await play.do(script, place)
        await play.tick(at, always=True)
    return Loaded(True, before + play.deliveries, made.people["sanne"])


def _weeks(moments: Moments, hours: Hours) -> list[Past]:
    """Everything but what the scripts tell."""
    plan, scripted = read("town.toml"), moments.read(SCRIPTED)
    mailboxes = [key for key, one in plan["channels"].items() if one["kind"] == "email"]
    made = past(moments.at, Plan(plan["channels"], read("history.toml"), read("trickle.toml")["names"],
                                 plan["workers"], Shifts(plan["shifts"], days_off(plan["people"], moments.at)), hours))
    return [one for one in made if one.at < scripted or one.via not in mailboxes]


def _own_kinds() -> dict[str, type[Connector]]:
    """Our own messages harm nobody: they are read here, without a child process to wait for."""
    return {name: type(kind.__name__, (kind,), {"hostile_input": False}) for name, kind in demo_kinds().items()}


class Within(Database):
    """One open transaction in the place of a database, so that intake's work is part of ours."""

    def __init__(self, connection: Connection, database: Database):
        super().__init__(database.pool, database.url)
        self._connection = connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._connection.transaction():
            yield self._connection


class Clock:
    """The moment that the play has come to."""

    def __init__(self, at: datetime):
        self.at = at

    def __call__(self) -> datetime:
        return self.at
