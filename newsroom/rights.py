"""Rights: which roles and teams somebody has, and what happens when they leave.

Every change is one transaction that ends with a `rights_changed` event, which cuts or resets that person's open boards.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from newsroom import link, session, triage
from newsroom.access import ROLES
from newsroom.account import Account, find
from newsroom.change import Wrong
from newsroom.database import Connection
from newsroom.event import Draft, record

NO_ADMIN_LOCK = 7263002  # advisory: two administrators cannot take each other's role at once


async def set_roles(connection: Connection, account_id: int, roles: Iterable[str], by: int | None, at: datetime,
                    keep: bytes | None = None) -> bool:
    """Give exactly these roles. Their sessions end, but `keep` (to be renewed by the caller): other rights need
    another session id; work that they may no longer do goes back to triage. Returns whether anything changed.
    Raises `Wrong`."""
    wanted = [role for role in ROLES if role in set(roles)]
    person = await _locked(connection, account_id)
    if wanted == person.roles:
        return False
    # what this person may from now on
    await connection.execute("update account set roles = $2 where id = $1", account_id, wanted)
    await _still_an_admin(connection, person, "roles")
    await session.end_all(connection, account_id, keep)
    await _let_go(connection, account_id, by, at, "roles")
    await _tell(connection, account_id, by, at)
    return True


async def set_teams(connection: Connection, account_id: int, teams: Iterable[int], by: int | None,
                    at: datetime) -> bool:
    """Put somebody in exactly these teams; work that they no longer see goes back to triage. Returns whether
    anything changed."""
    person = await _locked(connection, account_id)
    wanted = set(teams)
    if wanted == set(person.teams):
        return False
    # teams decide which restricted conversations this person sees
    await connection.execute("delete from account_team where account_id = $1", account_id)
    await connection.execute("insert into account_team (account_id, team_id)"
                             " select $1, id from team where id = any($2::int[]) and archived_at is null",
                             account_id, sorted(wanted))
    await _let_go(connection, account_id, by, at, "teams")
    await _tell(connection, account_id, by, at)
    return True


async def leave(connection: Connection, account_id: int, by: int | None, at: datetime) -> int:
    """Somebody leaves: open work goes back to triage, sessions and links end, signing in stops. What they wrote
    stays, and what only they could see goes to the supervisors. Returns how many conversations went back. Raises
    `Wrong` for the last administrator."""
    person = await _locked(connection, account_id)
    if person.disabled_at is not None:
        return 0
    # nobody signs in with it any more
    await connection.execute("update account set disabled_at = $2 where id = $1", account_id, at)
    await _still_an_admin(connection, person, "disabled")
    await session.end_all(connection, account_id)
    await link.revoke(connection, account_id, at)
    released = await _let_go(connection, account_id, by, at, "disabled")
    await _tell(connection, account_id, by, at)
    return released


async def come_back(connection: Connection, account_id: int, by: int | None, at: datetime) -> None:
    """Let somebody in again, with the roles and the password they had."""
    person = await _locked(connection, account_id)
    if person.disabled_at is None:
        return
    # as before
    await connection.execute("update account set disabled_at = null where id = $1", account_id)
    await _tell(connection, account_id, by, at)


async def open_work(connection: Connection, account_id: int) -> int:
    """How many open conversations would go back to triage."""
    # said before somebody leaves
    return await connection.fetchval("select count(*) from conversation where assignee_id = $1"
                                     " and state in ('new', 'open', 'department', 'waiting')", account_id)


async def _locked(connection: Connection, account_id: int) -> Account:
    # one change of rights at a time
    await connection.execute("select pg_advisory_xact_lock($1)", NO_ADMIN_LOCK)
    person = await find(connection, account_id)
    if person is None:
        raise Wrong("account", "wrong.account")
    return person


async def _still_an_admin(connection: Connection, person: Account, field: str) -> None:
    """A municipality that locked itself out would need us."""
    if "admin" not in person.roles or person.disabled_at is not None:
        return
    # whether anybody can still manage accounts
    if not await connection.fetchval("select exists(select from account where 'admin' = any(roles)"
                                     " and disabled_at is null)"):
        raise Wrong(field, "wrong.last_admin")


async def _let_go(connection: Connection, account_id: int, by: int | None, at: datetime, field: str) -> int:
    """What somebody may no longer do goes back to triage, and what only they could see to others. Returns how many
    went to triage."""
    who = triage.By(by, at)
    try:
        await triage.hand_over_seals(connection, account_id, who)
    except triage.Wrong as wrong:
        raise Wrong(field, wrong.key) from wrong
    return await triage.let_go(connection, account_id, who)


async def _tell(connection: Connection, account_id: int, by: int | None, at: datetime) -> None:
    await record(connection, [Draft("rights_changed", at, actor_id=by, data={"account": account_id})])
