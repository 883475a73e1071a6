"""Posts as a server gives them, with what must be read from them. No server is needed."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from connectors import Delivery, DeliveryKey, Kind
from connectors.mastodon import Mastodon

PAYLOADS = Path(__file__).parent / "mastodon" / "posts"


def read(case: dict) -> list[dict]:
    """What the connector reads from a payload, as it stands in the file."""
    raw = case["raw"] if "raw" in case else json.dumps(case["body"])
    items = Mastodon.parse(Delivery(DeliveryKey(case["key"]), raw.encode(), datetime.fromisoformat(case["received_at"]),
                                    "application/json"))
    return [{"kind": str(item.kind), "external_id": item.external_id, "at": item.at.isoformat(),
             "author": [item.author.kind, item.author.address, item.author.name], "direction": item.direction,
             "public": item.public, "subject": item.subject, "text": item.text, "quoted": item.quoted,
             "answers_to": list(item.answers_to), "to": [one.address for one in item.to],
             "files": [[file.name, file.type, file.content.hex(), file.description] for file in item.attachments],
             "problems": list(item.problems), "language": item.language, "source_url": item.source_url}
            for item in items]


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_a_post_is_read_as_recorded(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["expected"] == read(case)


def test_there_are_many_and_strange_ones():
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in PAYLOADS.glob("*.json")]
    kinds = {case["expected"][0]["kind"] for case in cases}
    assert {Kind.MESSAGE, Kind.EDIT, Kind.DELETION, Kind.NOT_UNDERSTOOD} == kinds and len(cases) >= 30
