"""The action: a verb asked for by a person, on one conversation or many, that gives its result again when repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import asyncpg

from newsroom import conversation, removal, takeover, triage, undo
from newsroom.access import Forbidden, Permission, Scope
from newsroom.conversation import Conversation, NotFound
from newsroom.database import RETRY, Connection, Database, take_wall_down
from newsroom.triage import By, Conflict, Wrong

MOST = 200  # conversations in one request
TRIES = 5  # against a deadlock
LONGEST_KEY = 100  # characters
# arguments of the wrong kind, too large, or naming what is not there
UNFIT = (Wrong, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, asyncpg.DataError,
         asyncpg.InterfaceError, asyncpg.ForeignKeyViolationError)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one conversation. `key` and `values` make the sentence when it was refused; `status` is 200,
    403, 404, 409 (somebody was first) or 422 (cannot be done)."""

    reference: str
    status: int
    version: int = 0
    key: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status == 200


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb with the permission it needs, and whether it can be undone."""

    permission: Permission
    run: Callable[[Connection, Conversation, By, Mapping[str, Any]], Awaitable[Any]]
    undoable: bool = False


async def act(database: Database, scope: Scope, key: str, references: Sequence[str], name: str,
              arguments: Mapping[str, Any], at: datetime,
              each: Mapping[str, Mapping[str, Any]] | None = None) -> list[Result]:
    """Do `name` on each conversation, each in its own transaction. The same `key` gives the first results again.
    `each` has arguments of one conversation by its reference: what this person saw of it.

    Raises `Wrong` for an unknown verb, a missing key or too many conversations.
    """
    verb = VERBS.get(name)
    good = key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY
    if verb is None or not good or not 0 < len(references) <= MOST:
        raise Wrong("wrong.action")
    own = each or {}
    return [await _one(database, scope, key, reference, verb, {**arguments, **own.get(reference, {})}, at)
            for reference in dict.fromkeys(references)]


async def _one(database: Database, scope: Scope, key: str, reference: str, verb: Verb, arguments: Mapping[str, Any],
               at: datetime) -> Result:
    for attempt in range(TRIES):
        try:
            async with database.seen_by(scope.classes).transaction() as connection:
                return await _once(connection, scope, f"{scope.account_id}:{key}:{reference}", reference, verb,
                                   arguments, at)
        except RETRY:
            if attempt == TRIES - 1:
                raise
        except Conflict as conflict:
            return Result(reference, 409, key=conflict.key, values=conflict.values)
        except UNFIT as wrong:
            return Result(reference, 422, key=getattr(wrong, "key", "wrong.action"),
                          values=getattr(wrong, "values", {}))
        except Forbidden:
            return Result(reference, 403, key="wrong.forbidden")
        except NotFound:
            return Result(reference, 404, key="wrong.not_found")
    raise AssertionError("unreachable")


async def _once(connection: Connection, scope: Scope, key: str, reference: str, verb: Verb,
                arguments: Mapping[str, Any], at: datetime) -> Result:
    scope.require(verb.permission)
    # what the first request with this key got
    known = await connection.fetchval("select result from action where key = $1", key)
    if known:
        return Result(**known)
    row = await conversation.find(connection, reference, scope, lock=True)
    await take_wall_down(connection)
    after = await verb.run(connection, row, By(scope.account_id, at, key), arguments)
    changed = after if isinstance(after, Conversation) else row
    result = Result(reference, 200, changed.version)
    # a sender who was blocked too is not let in again by a key
    back = undo.difference(row, changed) if verb.undoable and not arguments.get("block") else None
    try:
        # this key is used from here on
        await connection.execute("insert into action (key, account_id, at, result, undo) values ($1, $2, $3, $4, $5)",
                                 key, scope.account_id, at, asdict(result), back or None)
    except asyncpg.UniqueViolationError as error:  # the same request twice at once: the other's result stands
        raise asyncpg.SerializationError("repeated action") from error
    return result


def _int(value: Any) -> int | None:
    return None if value in (None, "", 0, "0", "none") else int(value)


def _ints(value: Any) -> list[int]:
    values = value if isinstance(value, list) else str(value or "").split(",")
    return [int(part) for part in values if str(part).strip()]


def _date(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None


VERBS: dict[str, Verb] = {
    "claim": Verb("work", lambda c, row, by, a: triage.claim(c, row, by), True),
    "assign": Verb("work", lambda c, row, by, a: triage.assign(c, row, by, _int(a["to"]), _int(a.get("was"))),
                   True),
    "team": Verb("work", lambda c, row, by, a: triage.give_team(c, row, by, _int(a["to"]), _int(a.get("was"))),
                 True),
    "move": Verb("work", lambda c, row, by, a: triage.move(c, row, by, a["to"], a["was"], a.get("department", ""),
                                                           _date(a.get("until"))), True),
    "close": Verb("work", lambda c, row, by, a: triage.close(c, row, by, int(a["reason"]), _int(a.get("last")),
                                                             a.get("note", "")), True),
    "reopen": Verb("work", lambda c, row, by, a: triage.reopen(c, row, by), True),
    "priority": Verb("work", lambda c, row, by, a: triage.set_priority(c, row, by, int(a["to"])), True),
    "label": Verb("work", lambda c, row, by, a: triage.label(c, row, by, _ints(a.get("add")),
                                                             _ints(a.get("remove"))), True),
    "subject": Verb("work", lambda c, row, by, a: triage.set_subject(c, row, by, a["to"]), True),
    "seal": Verb("seal", lambda c, row, by, a: triage.seal(c, row, by, _ints(a.get("readers")))),
    "spam": Verb("work", lambda c, row, by, a: triage.spam(c, row, by, a.get("block") in (True, "1", "on")),
                 True),
    "not_spam": Verb("work", lambda c, row, by, a: triage.not_spam(c, row, by)),
    "ask_takeover": Verb("work", lambda c, row, by, a: takeover.ask(c, row, by, _int(a["to"])), True),
    "allow_takeover": Verb("work", lambda c, row, by, a: takeover.allow(c, row, by, _int(a["to"])), True),
    "keep_takeover": Verb("work", lambda c, row, by, a: takeover.keep(c, row, by, _int(a["to"])), True),
    "undo": Verb("work", lambda c, row, by, a: undo.undo(c, row, by, str(a["key"]))),
    "remove": Verb("triage", lambda c, row, by, a: removal.remove(c, row, by, int(a["message"]), a["reason"])),
    "join": Verb("triage", lambda c, row, by, a: triage.accept_suggestion(c, row, by, a.get("accept", True)
                                                                          in (True, "1", "on"))),
}
