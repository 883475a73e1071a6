"""The subscription: an address elsewhere that is told what happens, in order, as one account sees it.

Each batch of events has an id that is the same on every try. What is not taken is tried again ever more slowly; after a
day of trying the subscription pauses, and goes on from the same event when somebody resumes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from connectors import outbound, signature
from newsroom import change, event
from newsroom.change import By, Wrong
from newsroom.database import Connection
from newsroom.option import CONTROL
from newsroom.secret import Keys

LONGEST_NAME, LONGEST_URL = 100, 2000  # characters
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0  # seconds between two tries
GIVE_UP = timedelta(days=1)  # of trying: then it pauses
LEASE = timedelta(seconds=60)  # a worker that died leaves its batch to another after this long
KEEP_TRIES = 200  # lines of the log of one subscription
PURPOSE = "subscription"  # what its secret is encrypted for


@dataclass(frozen=True, slots=True)
class Subscription:
    """One row. `secret` is encrypted."""

    id: int
    name: str
    url: str
    secret: bytes
    account_id: int
    epoch: str
    position: int
    until: int | None
    tries: int
    failing_since: datetime | None
    paused_at: datetime | None
    problem: str
    created_at: datetime

    @property
    def webhook_id(self) -> str:
        """The id of the batch under way: equal on every try, and of no other batch."""
        return f"newsroom-{self.epoch}-{self.id}-{self.position}-{self.until}"


@dataclass(frozen=True, slots=True)
class Try:
    """One line of the log: what was sent when, and what was answered."""

    at: datetime
    webhook_id: str
    events: int
    status: int | None
    problem: str



async def every(connection: Connection) -> list[Subscription]:
    """All of them, by name."""
    # a small table
    rows = await connection.fetch("select id, name, url, secret, account_id, epoch, position, until, tries,"
                                  " failing_since, paused_at, problem, created_at from subscription"
                                  " order by lower(name), id")
    return [Subscription(**row) for row in rows]


async def add(connection: Connection, keys: Keys, name: str, url: str, secret: str, account_id: int, by: By) -> int:
    """A new subscription, from what happens now on. Raises `Wrong`."""
    name, url = name.strip(), url.strip()
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.name")
    try:
        outbound.check(url)
    except outbound.NotAllowed as error:
        raise Wrong("url", "wrong.webhook_url") from error
    if len(url) > LONGEST_URL or urlsplit(url).username:
        raise Wrong("url", "wrong.webhook_url")
    epoch, head = await event.position(connection)
    id = await connection.fetchval(
        # it begins where the stream stands
        "insert into subscription (name, url, secret, account_id, epoch, position, next_at, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $7) returning id", name, url, keys.encrypt(secret.encode(), PURPOSE),
        account_id, epoch, head, by.at)
    await change.note(connection, by, "subscription", id, name, {}, {"url": url, "account": account_id})
    return id


def key_of(row: Subscription, keys: Keys) -> bytes:
    """What it signs with."""
    return signature.key(keys.decrypt(row.secret, PURPOSE).decode())


async def remove(connection: Connection, id: int, by: By) -> bool:
    """Tell it nothing more. False when there is no such subscription."""
    # its log goes with it, its line in the log of changes stays
    name = await connection.fetchval("delete from subscription where id = $1 returning name", id)
    if name is not None:
        await change.note(connection, by, "subscription", id, name, {"archived": False}, {"archived": True})
    return name is not None


async def resume(connection: Connection, id: int, by: By) -> bool:
    """Try again now, from the event where it stopped. False when there is no such subscription."""
    epoch, head = await event.position(connection)
    # as if nothing had gone wrong; after a restore from where the stream stands
    name = await connection.fetchval(
        "update subscription set paused_at = null, failing_since = null, tries = 0, problem = '', next_at = $2,"
        " position = case when epoch = $3 then position else $4 end,"
        " until = case when epoch = $3 then until end, epoch = $3 where id = $1 returning name",
        id, by.at, epoch, head)
    if name is not None:
        await change.note(connection, by, "subscription", id, name, {"retried": False}, {"retried": True})
    return name is not None


async def claim(connection: Connection, at: datetime, most: int) -> Subscription | None:
    """The next subscription with something to tell; its batch of at most `most` events stands from now on. Another
    worker leaves it alone as long as the lease lasts."""
    id = await connection.fetchval(
        # the one that waits longest, with news after its position
        "select id from subscription where paused_at is null and next_at <= $1"
        " and exists(select from event e where e.id > subscription.position) order by next_at, id limit 1"
        " for no key update skip locked", at)
    if id is None:
        return None
    row = await connection.fetchrow(
        # a batch that was begun stays as it is
        "update subscription s set next_at = $2, tries = tries + 1, until = coalesce(s.until, (select max(b.id) from"
        " (select e.id from event e where e.id > s.position order by e.id limit $3) b)) where s.id = $1 returning id,"
        " name, url, secret, account_id, epoch, position, until, tries, failing_since, paused_at, problem, created_at",
        id, at + LEASE, most)
    return Subscription(**row)


async def told(connection: Connection, row: Subscription, at: datetime) -> None:
    """The batch was taken, or held nothing for this account: on to the next."""
    # only when nobody else did so in the meantime
    await connection.execute(
        "update subscription set position = $3, until = null, tries = 0, failing_since = null, problem = '',"
        " next_at = $4 where id = $1 and position = $2", row.id, row.position, row.until, at)


async def failed(connection: Connection, row: Subscription, problem: str, at: datetime, after: float = 0.0,
                 for_good: bool = False) -> None:
    """The batch was not taken: later again, or no more when it has failed for a day."""
    since = row.failing_since or at
    wait = max(min(FIRST_PAUSE * 2 ** min(row.tries - 1, 20), LONGEST_PAUSE), after)
    paused = at if for_good or at - since >= GIVE_UP else None
    # the same batch, after a while
    await connection.execute(
        "update subscription set next_at = $3, failing_since = $4, problem = $5, paused_at = $6"
        " where id = $1 and position = $2", row.id, row.position, at + timedelta(seconds=wait), since, problem[:300],
        paused)


async def note(connection: Connection, row: Subscription, events: int, status: int | None, problem: str,
               at: datetime) -> None:
    """One line of its log; the oldest go."""
    # what was sent, without what was in it
    await connection.execute("insert into subscription_try (subscription_id, at, webhook_id, events, status, problem)"
                             " values ($1, $2, $3, $4, $5, $6)", row.id, at, row.webhook_id, events, status,
                             problem[:300])
    # the last ones are enough to see what is wrong
    await connection.execute(
        "delete from subscription_try where subscription_id = $1 and id <= (select id from subscription_try"
        " where subscription_id = $1 order by id desc offset $2 limit 1)", row.id, KEEP_TRIES)


async def tries(connection: Connection, id: int, limit: int = 20) -> Sequence[Try]:
    """Its log, newest first."""
    # the last lines
    rows = await connection.fetch("select at, webhook_id, events, status, problem from subscription_try"
                                  " where subscription_id = $1 order by id desc limit $2", id, limit)
    return [Try(**row) for row in rows]
