"""The desk: entries as they are stored, with what must be read from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import Delivery, DeliveryKey, Outgoing, Refused
from connectors.desk import CONTENT_TYPE, Desk, Entry, Settings, body

PAYLOADS = Path(__file__).parent / "desk"
AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)


def read(case: dict) -> list[dict]:
    raw = case["raw"] if "raw" in case else json.dumps(case["body"])
    items = Desk.parse(Delivery(DeliveryKey(case["key"]), raw.encode(), datetime.fromisoformat(case["received_at"]),
                                CONTENT_TYPE))
    return [{"kind": str(item.kind), "external_id": item.external_id, "at": item.at.isoformat(),
             "author": [item.author.kind, item.author.address, item.author.name], "direction": item.direction,
             "subject": item.subject, "text": item.text, "details": [list(pair) for pair in item.details],
             "files": [[file.name, file.type, file.content.decode("latin-1")] for file in item.attachments],
             "to": [[person.kind, person.address, person.name] for person in item.to],
             "answers_to": list(item.answers_to), "problems": list(item.problems)} for item in items]


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_payload_is_read_as_recorded(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["expected"] == read(case)


def test_the_same_entry_gives_the_same_bytes_and_scans_survive():
    entry, scans = Entry("Héé", "Sanne", phone="+31612345678"), [("é.pdf", "application/pdf", bytes(range(256)))]
    assert body(entry, scans) == body(entry, scans)
    item, = Desk.parse(Delivery(DeliveryKey("k"), body(entry, scans), AT))
    assert ("Héé", "é.pdf", bytes(range(256))) == (item.text, item.attachments[0].name, item.attachments[0].content)


async def test_nothing_is_sent_from_the_desk():
    with pytest.raises(Refused):
        await Desk(Settings()).send(Outgoing("k", "m", "", "Tekst"))
    assert [True] == [step.ok for step in await Desk(Settings(reply_channel="E-mail")).check()]
