"""Who may do what: the one place. A role gives permissions; a scope says which conversations a person sees.

Deny by default: what is not in the table is not allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from newsroom.database import Connection

Permission = Literal["read", "work", "triage", "seal", "steer", "configure", "log", "figures", "roster",
                     "plan"]

ROLES = ("webcare", "chef_dag", "content_director", "supervisor", "analyst", "admin")
PERMISSIONS: dict[Permission, frozenset[str]] = {
    "read": frozenset({"webcare", "chef_dag", "content_director", "supervisor"}),  # board and conversations
    "work": frozenset({"webcare", "chef_dag", "supervisor"}),  # answer, claim, close; a content director watches
    "triage": frozenset({"chef_dag", "supervisor"}),  # give work to others, spam, removal
    "seal": frozenset({"chef_dag", "supervisor"}),
    "steer": frozenset({"chef_dag", "content_director", "supervisor"}),  # open, close, pause and retry a channel
    "configure": frozenset({"admin"}),  # no message content by this role alone
    "log": frozenset({"admin", "supervisor"}),
    "figures": frozenset({"analyst", "supervisor", "content_director", "chef_dag"}),
    "roster": frozenset({"webcare", "chef_dag", "content_director", "supervisor", "admin"}),  # see who works when
    "plan": frozenset({"chef_dag", "supervisor", "admin"}),  # say who works when
}


class Forbidden(Exception):
    """The person may not do this. Told without saying whether the thing exists."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one person may see and do. `classes` are the visibility classes of conversations: `open`, `team:<id>`
    of restricted teams they are in, `sealed:<id>` of conversations that name them."""

    account_id: int
    roles: frozenset[str]
    classes: frozenset[str]
    teams: frozenset[int]

    def may(self, permission: Permission) -> bool:
        return not self.roles.isdisjoint(PERMISSIONS[permission])

    def require(self, permission: Permission) -> None:
        """Raise `Forbidden` without the permission."""
        if not self.may(permission):
            raise Forbidden(permission)

    def sees(self, visibility: str | None) -> bool:
        return visibility in self.classes


def visibility(conversation_id: int, team_id: int | None, restricted: bool, sealed: bool) -> str:
    """The class of a conversation: who sees it is who has this class in their scope."""
    if sealed:
        return f"sealed:{conversation_id}"
    return f"team:{team_id}" if restricted else "open"


async def scope(connection: Connection, account_id: int) -> Scope | None:
    """The scope of an account that may sign in, or None."""
    # roles, teams and sealed conversations of one person
    row = await connection.fetchrow(
        "select a.roles, array(select team_id from account_team where account_id = a.id) as teams,"
        " array(select t.id from account_team m join team t on t.id = m.team_id"
        "  where m.account_id = a.id and t.restricted) as restricted,"
        " array(select conversation_id from conversation_reader where account_id = a.id) as sealed"
        " from account a where a.id = $1 and a.disabled_at is null", account_id)
    if row is None:
        return None
    roles = frozenset(row["roles"]) & frozenset(ROLES)
    classes: frozenset[str] = frozenset()
    if roles & PERMISSIONS["read"]:
        classes = frozenset({"open", *(f"team:{id}" for id in row["restricted"]),
                             *(f"sealed:{id}" for id in row["sealed"])})
    return Scope(account_id, roles, classes, frozenset(row["teams"]))
