"""Where a reply stands on its way out: claimed before it is sent, marked after it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from newsroom import conversation, message
from newsroom.database import Connection
from newsroom.event import Draft

WORKER_LOCK = 7265  # first half of the advisory lock that shows a worker is alive
PROBLEM = {"failed": "not_sent", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try: the message's new state, with a note for staff, and when to try again."""

    state: str
    note: str = ""
    after: datetime | None = None
    external_id: str = ""
    unsure: bool = False  # this try may have succeeded


async def sign_on(connection: Connection) -> int:
    """A number for a worker, which lives as long as this connection does."""
    # drawn anew each time: what a former worker left must never look like ours, as it would under a number that
    # the server uses again
    worker = secrets.randbits(31)
    # held as long as the session lives
    await connection.execute("select pg_advisory_lock($1, $2)", WORKER_LOCK, worker)
    return worker


async def still_on(connection: Connection) -> None:
    """Raise when the connection, and with it the worker's number, is gone."""
    # any answer will do
    await connection.fetchval("select 1")


async def sign_off(connection: Connection) -> None:
    """Give the number back before the connection returns to its pool."""
    # only the worker's own lock is held here
    await connection.execute("select pg_advisory_unlock_all()")


async def claim(connection: Connection, worker: int, at: datetime, under_way: Sequence[int],
                at_once: int) -> list[tuple[int, int]]:
    """Mark queued replies of live channels as being sent by `worker`: of each channel as many as make `at_once` with
    those that are `under_way` (their channels). Returns (message id, channel id); once this is committed they may
    have been sent."""
    rows = await connection.fetch(
        # what is due, passing over what another worker takes
        "update message set send_state = 'sending', sender = $1, send_after = $2, send_tries = send_tries + 1"
        " where id in (select id from message where send_state = 'queued' and id in (select id from"
        " (select m.id, m.channel_id,"
        " row_number() over (partition by m.channel_id order by m.send_after, m.id) as place from message m"
        " join channel c on c.id = m.channel_id where m.send_state = 'queued' and m.send_after <= $2"
        " and c.mode = 'live') due where place + (select count(*) from unnest($3::int[]) busy"
        " where busy = channel_id) <= $4) for update skip locked) returning id, channel_id",
        worker, at, list(under_way), at_once)
    return [(row["id"], row["channel_id"]) for row in rows]


async def orphans(connection: Connection, worker: int, under_way: Sequence[int]) -> list[tuple[int, int]]:
    """Replies that were being sent by workers that are gone: (message id, channel id). Not those that are `under_way`
    here since before this worker got a new number."""
    # whose lock is free is gone
    gone = await connection.fetch(
        "select sender from (select distinct sender from message where send_state = 'sending'"
        " and sender <> $2) s where pg_try_advisory_xact_lock($1, sender)", WORKER_LOCK, worker)
    rows = await connection.fetch("select id, channel_id from message where send_state = 'sending'"
                                  " and sender = any($1::int[]) and id <> all($2::bigint[])",
                                  [row["sender"] for row in gone], list(under_way))
    return [(row["id"], row["channel_id"]) for row in rows]


async def expect(connection: Connection, row: Any, external_id: str) -> None:
    """An answer to this message of ours comes into its conversation, also under the id that the channel gave it."""
    people = [person for field in ("to", "cc") for person in row["recipients"].get(field, ())]
    if external_id and people:
        # for each whom it went to
        await connection.execute(
            "insert into thread_key (channel_id, reference, party, conversation_id)"
            " select $1, $2, party, $4 from unnest($3::text[]) as party on conflict do nothing",
            row["channel_id"], message.thread_reference(external_id, row["public"]),
            [f"{kind}:{address}" for kind, address, _ in people], row["conversation_id"])


async def mark(connection: Connection, id: int, outcome: Outcome, at: datetime) -> None:
    """Write an outcome with its event. A reply that a person decided about in the meantime keeps that decision."""
    # only while it is on its way, or when what was not known became certain
    row = await connection.fetchrow(
        "update message set send_state = $2, send_note = $3, send_after = $4, sender = null,"
        " sent_at = case when $2 = 'sent' then $5::timestamptz else sent_at end,"
        " unsure_since = case when $7 then coalesce(unsure_since, send_after, $5) else unsure_since end,"
        " external_id = coalesce(nullif($6, ''), external_id) where id = $1"
        " and (send_state = 'sending' or (send_state = 'unknown' and $2 = 'sent'))"
        " returning conversation_id, channel_id, public, recipients", id, outcome.state, outcome.note[:1000],
        outcome.after, at, outcome.external_id, outcome.unsure)
    if row is None:
        return
    if outcome.state == "sent":
        await expect(connection, row, outcome.external_id)
        # the channel's last sign of life
        await connection.execute("update channel set last_out_at = $2 where id = $1", row["channel_id"], at)
        # the source's own id for it: an answer that names that joins too
        await connection.execute(
            "insert into thread_key (channel_id, reference, party, conversation_id)"
            " select distinct channel_id, $3, party, conversation_id from thread_key"
            " where conversation_id = $1 and channel_id = $2 and $3 <> '' on conflict do nothing",
            row["conversation_id"], row["channel_id"], outcome.external_id)
    before = (await conversation.lock(connection, [row["conversation_id"]]))[row["conversation_id"]]
    problem = PROBLEM.get(outcome.state, "" if before.problem in ("unknown", "not_sent") else before.problem)
    after = replace(before, problem=problem, version=before.version + 1)
    if outcome.state in PROBLEM and before.state in ("waiting", "closed"):
        after = replace(after, state="open" if after.assignee_id else "new", closed_at=None, close_reason_id=None)
    await conversation.change(connection, before, after,
                              Draft("delivery_state", at, message_id=id, data={"state": outcome.state}))
