"""The redistribution of work: a proposal that a person changes and confirms. Giving itself is the verb `assign`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from newsroom import absence, access, account, report, setting
from newsroom.access import Scope
from newsroom.account import Account
from newsroom.board import ZONE
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.report import Ask, Work

MOST = 100  # conversations in one proposal
NORM = "workload_norm"  # the setting's name
USUAL_NORM = 12  # conversations that one person has to do at a time, until a supervisor sets another number
NORMS = range(1, 201)
NOBODY = 0


@dataclass(slots=True)
class Person:
    """Somebody who can get work. `open` counts what they have and what the proposal adds; `away` until a day."""

    id: int
    name: str
    initials: str
    teams: frozenset[int]
    classes: frozenset[str]
    work: Work
    away: date | None = None
    open: int = field(init=False)

    def __post_init__(self) -> None:
        self.open = self.work.open


@dataclass(frozen=True, slots=True)
class Proposal:
    """One conversation, who has it now (0: nobody), who gets it (None: it stays), and who could."""

    row: Conversation
    was: int
    to: int | None
    options: tuple[Person, ...]


async def norm(connection: Connection) -> int:
    """How many conversations one person has to do at a time."""
    return int(await setting.read(connection, NORM, USUAL_NORM))


async def people(connection: Connection, work: dict[int, Work], at: datetime) -> list[Person]:
    """Everybody who can get work, by name."""
    away = await absence.now(connection, at.astimezone(ZONE).date())
    found = []
    for one in await account.everyone(connection):
        scope = await access.scope(connection, one.id) if _works(one) else None
        if scope is not None:
            found.append(Person(one.id, one.name, one.initials, scope.teams, scope.classes,
                                work.get(one.id, Work(one.id)), away.get(one.id)))
    return found


async def proposal(connection: Connection, scope: Scope, whose: int | None, staff: Sequence[Person], limit: int,
                   at: datetime) -> list[Proposal]:
    """Who could take what. `whose` is one person, 0 for what nobody has, or None for all: first the work of who is
    away, then what is over the norm, then what nobody has. `limit` is the norm. At most MOST, and only what the asker
    may see."""
    found: list[Proposal] = []
    for person in sorted(staff, key=lambda one: (one.away is None, -one.work.open, one.name)):
        if whose is None or whose == person.id:
            rows = await _of(connection, scope, person.id, at, waiting=person.away is not None)
            spare = len(rows) if person.away else max(person.work.open - limit, 0)
            found += propose(rows, person.id, staff, limit, spare, all_of_it=whose is not None)
    if whose in (None, NOBODY):
        rows = await _of(connection, scope, NOBODY, at, waiting=False)
        found += propose(rows, NOBODY, staff, limit, len(rows), all_of_it=whose is not None)
    return found[:MOST]


def propose(rows: Sequence[Conversation], was: int, staff: Sequence[Person], limit: int, spare: int,
            all_of_it: bool) -> list[Proposal]:
    """Give away `spare` of the conversations of `was`: those nobody answered yet first, for a resident keeps whom they
    talk to, and of those what is due first. `all_of_it`: the others are in the proposal too, and stay."""
    ordered = sorted(rows, key=lambda row: (row.answered_at is not None, row.due_at is None,
                                            row.due_at or row.last_at, row.id))
    found = []
    for place, row in enumerate(ordered):
        options = tuple(one for one in staff if one.id != was and one.away is None and row.visibility in one.classes)
        to = _taker(row, options, limit) if place < spare else None
        if to is not None:
            to.open += 1
        if to is not None or place < spare or all_of_it:
            found.append(Proposal(row, was, to.id if to else None, options))
    return found


def _taker(row: Conversation, options: Sequence[Person], limit: int) -> Person | None:
    """Who has room: somebody of the conversation's team before others, then whoever has least."""
    free = [one for one in options if one.open < limit]
    return min(free, key=lambda one: (row.team_id not in one.teams, one.open, one.name), default=None)


async def _of(connection: Connection, scope: Scope, who: int, at: datetime, waiting: bool) -> list[Conversation]:
    found = []
    for name in ("open", "waiting")[:1 + waiting]:
        found += await report.rows(connection, report.classes(scope), Ask("work", name=name, who=who), at, limit=MOST)
    return found


def _works(one: Account) -> bool:
    return one.disabled_at is None and not access.PERMISSIONS["work"].isdisjoint(one.roles)
