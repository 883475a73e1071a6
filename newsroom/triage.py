"""The verbs of the board: who takes a conversation, where it stands, how it ends.

Each is compare-and-set on the facet it changes: the loser gets `Conflict` and learns who won. Each takes the locked
row, saves the new one and records its event. `actor` is an account id, `at` the moment in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from newsroom import access, draft, term
from newsroom.conversation import REOPEN_DAYS, Conversation, change, facets, lock, save
from newsroom.database import Connection
from newsroom.event import Draft, record

MOVES = ("new", "open", "department", "waiting")  # by hand; closing needs a reason


class Conflict(Exception):
    """Somebody else was first. `key` is the catalogue key for the card's strip, `values` its words."""

    def __init__(self, key: str, **values: Any):
        super().__init__(key)
        self.key = key
        self.values = values


class Wrong(Exception):
    """This cannot be done. `key` is the catalogue key of the sentence that says what to do."""

    def __init__(self, key: str, **values: Any):
        super().__init__(key)
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, when, and the action's idempotency key."""

    actor: int | None
    at: datetime
    key: str | None = None


async def claim(connection: Connection, row: Conversation, by: By) -> Conversation:
    """Take it: only when nobody has it."""
    if row.assignee_id == by.actor:
        return row
    if row.assignee_id is not None:
        raise await taken(connection, row.assignee_id)
    _live(row)
    state = "open" if row.state == "new" else row.state
    return await _change(connection, row, replace(row, assignee_id=by.actor, state=state, unread=0), "claimed", by)


async def assign(connection: Connection, row: Conversation, by: By, assignee: int | None,
                 was: int | None) -> Conversation:
    """Give it to a person or, with None, back to triage; only when `was` still has it."""
    if row.assignee_id == assignee:
        return row
    if row.assignee_id != was:
        raise await taken(connection, row.assignee_id)
    _live(row)
    if assignee is not None and not await can_get(connection, row, assignee):
        raise Wrong("wrong.assignee")
    state = "new" if assignee is None and row.state == "open" else \
        "open" if assignee is not None and row.state == "new" else row.state
    return await _change(connection, row, replace(row, assignee_id=assignee, state=state), "assigned", by)


async def give_team(connection: Connection, row: Conversation, by: By, team: int | None,
                    was: int | None) -> Conversation:
    """Give it to a team. Who is not in a restricted team loses sight of it; an assignee outside it is let go."""
    if row.team_id == team:
        return row
    if row.team_id != was:
        raise Conflict("conflict.team", name=await _team_name(connection, row.team_id))
    # whether only members see this team's conversations
    restricted = await connection.fetchval("select restricted from team where id = $1 and archived_at is null", team)
    if team is not None and restricted is None:
        raise Wrong("wrong.team")
    after = replace(row, team_id=team, visibility=access.visibility(row.id, team, bool(restricted), row.sealed))
    if after.assignee_id and not await can_get(connection, after, after.assignee_id):
        after = replace(after, assignee_id=None, state="new" if after.state == "open" else after.state)
    return await _change(connection, row, await _timed(connection, after, by.at), "team_changed", by)


async def move(connection: Connection, row: Conversation, by: By, state: str, was: str, department: str = "",
               until: date | None = None) -> Conversation:
    """Put it in another column. `department` needs whom, and before which day."""
    if state not in MOVES:
        raise Wrong("wrong.state")
    if row.state == state and state != "department":
        return row
    if row.state != was:
        raise Conflict("conflict.state", state=row.state)
    if state == "department" and (not department.strip() or until is None):
        raise Wrong("wrong.department")
    kind = "department_asked" if state == "department" else "moved"
    asked = (department.strip(), until) if state == "department" else ("", None)
    after = replace(row, state=state, department=asked[0], department_by=asked[1])
    if not row.live:
        after = replace(after, closed_at=None, close_reason_id=None, close_note="")
    if state == "new":
        after = replace(after, assignee_id=None)
    return await _change(connection, row, await _timed(connection, after, by.at), kind, by)


async def close(connection: Connection, row: Conversation, by: By, reason: int, last_message: int | None,
                note: str = "") -> Conversation:
    """End it with a reason; only when no message came in since `last_message`."""
    if row.state == "closed":
        return row
    if row.last_message_id != last_message:
        raise Conflict("conflict.new_message")
    _live(row)
    # the reason must be one that is in use
    if not await connection.fetchval("select true from close_reason where id = $1 and archived_at is null", reason):
        raise Wrong("wrong.reason")
    after = replace(row, state="closed", closed_at=by.at, close_reason_id=reason, close_note=note.strip()[:500],
                    waiting_since=None, due_at=None, soon_at=None, lateness=0, unread=0, problem="",
                    department="", department_by=None)
    return await _change(connection, row, after, "closed", by)


async def reopen(connection: Connection, row: Conversation, by: By) -> Conversation:
    """Open a closed one again, with whoever had it last."""
    if row.state != "closed":
        return row
    return await _change(connection, row, reopened(row), "reopened", by)


def reopened(row: Conversation) -> Conversation:
    """The row as it is when it opens again."""
    return replace(row, state="open" if row.assignee_id else "new", closed_at=None, close_reason_id=None,
                   close_note="")


def reopens(row: Conversation, at: datetime) -> bool:
    """Whether a new message still belongs to this closed conversation."""
    return row.closed_at is not None and at - row.closed_at <= timedelta(days=REOPEN_DAYS)


async def set_priority(connection: Connection, row: Conversation, by: By, priority: int) -> Conversation:
    """Low, normal, high or urgent (0 to 3): the term follows."""
    if priority not in term.PRIORITY_NAMES:
        raise Wrong("wrong.priority")
    if row.priority == priority:
        return row
    after = await _timed(connection, replace(row, priority=priority), by.at)
    return await _change(connection, row, after, "priority_changed", by)


async def label(connection: Connection, row: Conversation, by: By, add: list[int], remove: list[int]) -> Conversation:
    """Add and remove labels."""
    wanted = sorted((set(row.labels) | set(add)) - set(remove))
    if wanted == row.labels:
        return row
    # labels that are in use
    known = await connection.fetchval("select array_agg(id) from label where id = any($1::int[])", add) or []
    if set(add) - set(known):
        raise Wrong("wrong.label")
    return await _change(connection, row, replace(row, labels=wanted), "labelled", by)


async def set_subject(connection: Connection, row: Conversation, by: By, subject: str) -> Conversation:
    """Another subject, for the board alone; replies keep the resident's."""
    after = replace(row, subject=subject.strip()[:200])
    return row if after == row else await _change(connection, row, after, "subject_changed", by)


async def seal(connection: Connection, row: Conversation, by: By, readers: list[int]) -> Conversation:
    """Only the named people see it from now on. Without names: everybody of its team again."""
    # only who can open it may be named: a seal without a reader would be a loss
    known = await connection.fetch("select id from account where id = any($1::int[]) and disabled_at is null"
                                   " and roles && $2", readers, sorted(access.PERMISSIONS["read"]))
    if {row["id"] for row in known} != set(readers):
        raise Wrong("wrong.readers")
    # the people who may see it
    old = await connection.fetch("delete from conversation_reader where conversation_id = $1 returning account_id",
                                 row.id)
    await connection.executemany("insert into conversation_reader (conversation_id, account_id) values ($1, $2)",
                                 [(row.id, reader) for reader in sorted(set(readers))])
    restricted = await _restricted(connection, row.team_id)
    after = replace(row, sealed=bool(readers),
                    visibility=access.visibility(row.id, row.team_id, restricted, bool(readers)))
    if after.assignee_id and readers and after.assignee_id not in readers:
        after = replace(after, assignee_id=None, state="new" if after.state == "open" else after.state)
    changed = await _change(connection, row, after, "sealed" if readers else "unsealed", by)
    # their boards load again with what they may see now
    await record(connection, [Draft("rights_changed", by.at, actor_id=by.actor, data={"account": account})
                              for account in sorted({reader["account_id"] for reader in old} ^ set(readers))])
    return changed


async def spam(connection: Connection, row: Conversation, by: By, block: bool) -> Conversation:
    """To the spam folder. With `block` the sender's later messages go there too."""
    if block:
        await _block(connection, row, by.at)
    after = replace(row, state="spam", waiting_since=None, due_at=None, soon_at=None, lateness=0, assignee_id=None)
    return row if row.state == "spam" else await _change(connection, row, after, "spam", by)


async def not_spam(connection: Connection, row: Conversation, by: By) -> Conversation:
    """Back from the spam folder, as a new conversation; its sender is no longer blocked."""
    if row.state != "spam":
        return row
    await _block(connection, row, None)
    after = await _timed(connection, replace(row, state="new", waiting_since=row.last_at), by.at)
    return await _change(connection, row, after, "not_spam", by)


async def accept_suggestion(connection: Connection, row: Conversation, by: By, accept: bool) -> Conversation:
    """Answer "hoort mogelijk bij": join it to the other conversation, or say that it is not so.

    Raises `Wrong` when they cannot be joined. It never says why: the reason would tell about a conversation that the
    asker may not see."""
    if row.suggestion is None:
        return row
    other = (await lock(connection, [row.suggestion])).get(row.suggestion)
    if not accept or other is None or other.id == row.id:
        return await _change(connection, row, replace(row, suggestion=None), "moved", by)
    if not (row.live and other.live) or other.visibility != row.visibility or other.public != row.public:
        raise Wrong("wrong.join_wall")
    await absorb(connection, row.id, other.id)
    # the newest words are now in the other
    newest = await connection.fetchrow("select id, at from message where conversation_id = $1 and direction <> 'note'"
                                       " order by at desc, external_id desc limit 1", other.id)
    waiting = min((at for at in (other.waiting_since, row.waiting_since) if at), default=None)
    joined = replace(other, waiting_since=waiting,
                     suggestion=None if other.suggestion == row.id else other.suggestion,
                     last_message_id=newest["id"], last_at=newest["at"], unread=other.unread + row.unread)
    await _change(connection, other, await _timed(connection, joined, by.at), "joined", by)
    after = replace(row, state="merged", merged_into=other.id, waiting_since=None, due_at=None, soon_at=None,
                    lateness=0, suggestion=None)
    return await _change(connection, row, after, "joined", by)


async def absorb(connection: Connection, loser: int, survivor: int) -> None:
    """Two conversations are one: everything of the loser goes to the survivor."""
    # messages, keys and people; the caller saves both rows
    await connection.execute("update message set conversation_id = $2 where conversation_id = $1", loser, survivor)
    await connection.execute("update thread_key set conversation_id = $2 where conversation_id = $1", loser, survivor)
    await connection.execute("update mention set conversation_id = $2 where conversation_id = $1", loser, survivor)
    await connection.execute("insert into participant (conversation_id, kind, address, name) select $2, kind, address,"
                             " name from participant where conversation_id = $1 on conflict do nothing",
                             loser, survivor)
    await connection.execute("update conversation set suggestion = $2 where suggestion = $1", loser, survivor)
    await draft.join(connection, loser, survivor)
    await connection.execute("update conversation set merged_into = $2 where merged_into = $1", loser, survivor)


async def let_go(connection: Connection, account_id: int, by: By) -> int:
    """Give the open work that somebody may no longer do or see back to triage: they left, or got other roles or
    teams. Returns how many conversations."""
    # what this person has open
    ids = await connection.fetch("select id from conversation where assignee_id = $1"
                                 " and state in ('new', 'open', 'department', 'waiting')", account_id)
    rows = await lock(connection, [row["id"] for row in ids])
    scope = await access.scope(connection, account_id)
    after = [replace(row, assignee_id=None, state="new" if row.state == "open" else row.state,
                     version=row.version + 1) for row in rows.values() if not _may_have(scope, row)]
    await save(connection, after)
    await record(connection, [Draft("assigned", by.at, new.id, actor_id=by.actor, before=facets(rows[new.id]),
                                    after=facets(new), key=by.key) for new in after])
    return len(after)


async def hand_over_seals(connection: Connection, account_id: int, by: By) -> int:
    """Sealed conversations of which this was the last reader go to the supervisors; without one, to who may seal.
    Returns how many. Raises `Wrong` when there is nobody."""
    # sealed for this person, and nobody else that it names can still read
    found = await connection.fetch(
        "select c.id from conversation_reader n join conversation c on c.id = n.conversation_id"
        " where n.account_id = $1 and c.sealed and c.state not in ('merged', 'removed') and not exists"
        " (select from conversation_reader r join account a on a.id = r.account_id where r.conversation_id = c.id"
        "  and a.disabled_at is null and a.roles && $2) order by c.id", account_id, sorted(access.PERMISSIONS["read"]))
    ids = [row["id"] for row in found]
    if not ids:
        return 0
    # who keeps them from here on
    people = await connection.fetch("select id, roles from account where disabled_at is null and roles && $1"
                                    " order by id", sorted(access.PERMISSIONS["seal"]))
    heirs = [row["id"] for row in people if "supervisor" in row["roles"]] or [row["id"] for row in people]
    if not heirs:
        raise Wrong("wrong.last_reader")
    rows = await lock(connection, ids)
    await connection.executemany("insert into conversation_reader (conversation_id, account_id) values ($1, $2)"
                                 " on conflict do nothing", [(id, heir) for id in ids for heir in heirs])
    await record(connection, [
        *(Draft("sealed", by.at, row.id, actor_id=by.actor, before=facets(row), after=facets(row), key=by.key)
          for row in rows.values()),
        *(Draft("rights_changed", by.at, actor_id=by.actor, data={"account": heir}) for heir in heirs)])
    return len(ids)


async def _change(connection: Connection, before: Conversation, after: Conversation, kind: str, by: By,
                  message_id: int | None = None) -> Conversation:
    after = replace(after, version=before.version + 1)
    await change(connection, before, after, Draft(kind, by.at, message_id=message_id, actor_id=by.actor, key=by.key))
    return after


async def _timed(connection: Connection, row: Conversation, at: datetime) -> Conversation:
    return (await term.load(connection, at.date())).apply(row, at)


def _live(row: Conversation) -> None:
    if not row.live:
        raise Conflict("conflict.state", state=row.state)


async def taken(connection: Connection, account_id: int | None) -> Conflict:
    """The refusal that says who was first."""
    # their name
    name = await connection.fetchval("select name from account where id = $1", account_id)
    return Conflict("conflict.taken", name=name) if name else Conflict("conflict.released")


async def _team_name(connection: Connection, team_id: int | None) -> str:
    # for the sentence on the card
    return await connection.fetchval("select name from team where id = $1", team_id) or "–"


async def _restricted(connection: Connection, team_id: int | None) -> bool:
    # whether only members see it
    return bool(await connection.fetchval("select restricted from team where id = $1", team_id))


async def can_get(connection: Connection, row: Conversation, account_id: int | None) -> bool:
    """Whether this person works and may see it."""
    if account_id is None:
        return False
    return _may_have(await access.scope(connection, account_id), row)


def _may_have(scope: access.Scope | None, row: Conversation) -> bool:
    return scope is not None and scope.may("work") and scope.sees(row.visibility)


async def _block(connection: Connection, row: Conversation, at: datetime | None) -> None:
    # every address of this sender
    await connection.execute("update contact_identity set blocked_at = $2 where contact_id = $1", row.contact_id, at)
