"""Whether only a team's members see its conversations, changed for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from newsroom import access, change, conversation
from newsroom.change import By
from newsroom.conversation import Conversation, facets
from newsroom.database import Connection
from newsroom.event import Draft, record

SHOWN = timedelta(days=2)  # a conversation that closed longer ago is on nobody's board


async def set_restricted(connection: Connection, team_id: int, restricted: bool, by: By) -> bool:
    """Show a team's conversations to its members only, or to everybody again. Returns whether that changed.

    Sealed ones stay sealed. Who loses sight of a conversation loses it at once, and an assignee outside the team
    is let go. `settle` afterwards, in another transaction, takes what came in meanwhile.
    """
    # who changes it waits for who gives work to the team
    name = await connection.fetchval("update team set restricted = $2 where id = $1 and restricted <> $2"
                                     " returning name", team_id, restricted)
    if name is None:
        return False
    await change.note(connection, by, "team", team_id, name, {"restricted": not restricted},
                      {"restricted": restricted})
    # members' boards load again with what they may see from now on
    members = await connection.fetch("select account_id from account_team where team_id = $1 order by 1", team_id)
    await record(connection, [Draft("rights_changed", by.at, actor_id=by.account_id, data={"account": member})
                              for (member,) in members])
    await settle(connection, team_id, by)
    return True


async def settle(connection: Connection, team_id: int, by: By) -> int:
    """Give every conversation of the team the visibility that the team asks. Returns how many had another."""
    # as the team is now
    restricted = await connection.fetchval("select restricted from team where id = $1", team_id)
    wanted = access.visibility(0, team_id, bool(restricted), False)
    # what a board may show: each gets its event
    ids = await connection.fetch(
        "select id from conversation where team_id = $1 and not sealed and visibility <> $2"
        " and (state not in ('closed', 'merged', 'removed') or closed_at > $3)", team_id, wanted, by.at - SHOWN)
    moved = await _move(connection, [row["id"] for row in ids], wanted, by)
    # what only a search or a link finds
    done = await connection.execute("update conversation set visibility = $2, version = version + 1"
                                    " where team_id = $1 and not sealed and visibility <> $2", team_id, wanted)
    return moved + int(done.split()[-1])


async def _move(connection: Connection, ids: Sequence[int], wanted: str, by: By) -> int:
    rows = await conversation.lock(connection, ids)
    team_ids = {row.team_id for row in rows.values()}
    # who may keep work of a restricted team
    members = await connection.fetch("select m.team_id, m.account_id from account_team m join account a"
                                     " on a.id = m.account_id where m.team_id = any($1::int[])"
                                     " and a.disabled_at is null", sorted(id for id in team_ids if id))
    allowed = {(row["team_id"], row["account_id"]) for row in members}
    pairs = [(row, _with(row, wanted, allowed)) for row in rows.values()
             if not row.sealed and row.visibility != wanted]
    await conversation.save(connection, [after for _, after in pairs])
    await record(connection, [Draft("team_changed", by.at, after.id, actor_id=by.account_id, before=facets(before),
                                    after=facets(after)) for before, after in pairs])
    return len(pairs)


def _with(row: Conversation, wanted: str, allowed: set[tuple[int, int]]) -> Conversation:
    after = replace(row, visibility=wanted, version=row.version + 1)
    outside = wanted != "open" and row.assignee_id is not None and (row.team_id, row.assignee_id) not in allowed
    if outside and row.live:
        after = replace(after, assignee_id=None, state="new" if row.state == "open" else row.state)
    return after
