"""A message of another system and the reply to it, all the way, through real HTTP in both directions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors import Secret, outbound, signature
from connectors.webhook import Settings, Webhook
from newsroom import reply
from newsroom.conversation import find
from newsroom.intake import Intake
from newsroom.outbox import Outbox
from newsroom.parser import Parsers
from newsroom.reply import Composed, Via
from newsroom.triage import By
from newsroom.web import receipt
from tests.connectors.test_webhook import NEW, other_system
from tests.house import SECRET, add_account, add_channel
from tests.web.site import site

FIRST = b'{"id": "zaak-1/1", "author": {"kind": "buurtapp", "address": "buur-4411"}, "text": "Is het zwembad open?"}'
SECOND = (b'{"id": "zaak-1/3", "author": {"kind": "buurtapp", "address": "buur-4411"}, "text": "Bedankt!",'
          b' "answers_to": ["theirs-1"]}')


@pytest.fixture(autouse=True)
def inside():
    outbound.permit(["127.0.0.0/8"])
    yield
    outbound.permit([])


async def test_a_conversation_with_another_system(db):
    channel, sanne = await add_channel(db, "Buurtapp", "", kind="webhook"), await add_account(db, "Sanne", "webcare")
    intake = Intake(db, {"webhook": Webhook}, Parsers(1), SECRET, lambda: None)
    async with other_system() as other:
        hook = Webhook(Settings(secret=Secret(NEW), url=other.url))

        async def connector(_: int) -> Webhook:
            return hook

        outbox = Outbox(db, connector, SECRET, lambda: None)
        async with site(db, receipt.routes, connectors={channel: hook}) as client:
            async def push(raw: bytes, id: str) -> str:
                headers = signature.sign([NEW.encode()], id, datetime(2026, 11, 23, 9, 42, tzinfo=UTC), raw)
                answer = await client.post(f"/ontvangst/{channel}", data=raw, headers=headers)
                await intake.drain()
                return (await answer.json())["reference"]

            reference = await push(FIRST, "evt-1")
            assert reference == await push(FIRST, "evt-1")
            at = datetime.now(UTC) - timedelta(seconds=30)
            async with db.transaction() as connection:
                row = await find(connection, reference, sanne, lock=True)
                via = Via(channel, "live", hook.capabilities, "voorbeeldstad.example", SECRET)
                await reply.answer(connection, row, By(sanne.account_id, at), Composed("c-1", "Ja, tot 21 uur."), via)
            other.cut = True  # they took it, and we do not know
            await outbox.step()
            other.cut = False
            async with db.transaction() as connection:
                await connection.execute("update message set send_after = $1 where send_state = 'queued'", at)
            await outbox.step()
            await push(SECOND, "evt-2")
    assert [("Ja, tot 21 uur.", "zaak-1/1", "buur-4411")] == [
        (one["text"].partition("\n")[0], one["answers_to"], one["to"][0]["address"]) for one in other.taken.values()]
    assert 2 == other.asked
    async with db.connection() as connection:
        rows = await connection.fetch("select c.reference, m.direction, m.body, m.send_state from message m"
                                      " join conversation c on c.id = m.conversation_id order by m.id")
    assert [(reference, "in", "Is het zwembad open?", ""), (reference, "out", "Ja, tot 21 uur.", "sent"),
            (reference, "in", "Bedankt!", "")] == [tuple(row) for row in rows]
