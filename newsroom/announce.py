"""The announcer: what happens is told to every subscription, in order, each batch until it is taken.

A batch is claimed and committed before it is sent, and has the same id on every try: a worker that dies in between
leaves it to the next one, and the other side takes an id once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg
import structlog

from connectors import outbound, signature
from connectors.outbound import Answer
from newsroom import access, event, subscription
from newsroom.database import Database
from newsroom.event import Seen
from newsroom.secret import CannotDecrypt, Keys
from newsroom.subscription import Subscription

AT_ONCE = 4  # subscriptions that are told at the same time
BATCH = 100  # events in one request
POLL_SECONDS = 2.0  # a lost doorbell costs at most this
GONE = 410  # the other side wants no more

Body = Callable[[Sequence[Seen], str, frozenset[str], int], bytes]  # events, epoch, classes, end: given by app

log = structlog.get_logger("newsroom.announce")


class Announcer:
    """Tells until cancelled. `body` writes a batch down as the API does."""

    def __init__(self, database: Database, keys: Keys, body: Body):
        self._database = database
        self._keys = keys
        self._body = body
        self._bell = asyncio.Event()

    def wake(self) -> None:
        self._bell.set()

    async def run(self) -> None:
        """Tell what there is to tell, until cancelled."""
        while True:
            try:
                if await self.step():
                    continue
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.error("announcer waits for the database", error=type(error).__name__)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._bell.wait()
                self._bell.clear()
            except TimeoutError:
                pass

    async def step(self, at: datetime | None = None) -> int:
        """One batch for each of a few subscriptions; returns for how many."""
        return sum(await asyncio.gather(*(self._one(at or datetime.now(UTC)) for _ in range(AT_ONCE))))

    async def _one(self, at: datetime) -> bool:
        async with self._database.transaction() as connection:
            row = await subscription.claim(connection, at, BATCH)
        if row is None:
            return False
        async with self._database.snapshot() as connection:
            scope = await access.scope(connection, row.account_id)
            epoch, _ = await event.position(connection)
            seen = await event.seen_since(connection, scope.classes, row.position, BATCH) if scope else []
        seen = [one for one in seen if one.event.id <= (row.until or 0)]
        if scope is None or epoch != row.epoch:
            why = "Er is een reservekopie teruggezet." if scope else "De gebruiker van dit abonnement is afgesloten."
            await self._note(row, 0, None, why, at, for_good=True)
        elif not seen:
            async with self._database.transaction() as connection:
                await subscription.told(connection, row, at)
        else:
            await self._send(row, self._body(seen, epoch, scope.classes, row.until or 0), len(seen), at)
        return True

    async def _send(self, row: Subscription, body: bytes, n: int, at: datetime) -> None:
        answer, problem = await self._post(row, body)
        if answer is not None and 200 <= answer.status < 300:
            async with self._database.transaction() as connection:
                await subscription.told(connection, row, at)
                await subscription.note(connection, row, n, answer.status, "", at)
            return
        await self._note(row, n, answer, problem, at, for_good=answer is not None and answer.status == GONE)

    async def _post(self, row: Subscription, body: bytes) -> tuple[Answer | None, str]:
        try:
            headers = signature.sign([subscription.key_of(row, self._keys)], row.webhook_id, datetime.now(UTC), body)
            answer = await outbound.post(row.url, body, {"Content-Type": "application/json", **headers})
            return answer, f"De andere kant antwoordt met {answer.status}."
        except CannotDecrypt:
            return None, "Het geheim hoort bij een andere sleutel. Maak dit abonnement opnieuw."
        except outbound.NotAllowed:
            return None, "Dit adres mag niet. Gebruik https en een openbaar adres."
        except outbound.FAILED:
            return None, "De andere kant is niet te bereiken of antwoordt niet."

    async def _note(self, row: Subscription, n: int, answer: Answer | None, problem: str, at: datetime,
                    for_good: bool) -> None:
        after = answer.after if answer is not None and "retry-after" in answer.headers else 0.0
        async with self._database.transaction() as connection:
            await subscription.failed(connection, row, problem, at, after, for_good)
            await subscription.note(connection, row, n, answer.status if answer else None, problem, at)
        if not row.failing_since:
            log.warning("subscription unavailable", subscription=row.id, problem=problem)
