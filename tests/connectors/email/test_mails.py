"""Every mail in these folders against what a careful reader wants from it.

Beside each `x.eml` stands `x.json`: `rule` (what is odd about the mail), `expect` (what must come out), and where
needed `meta` and `received_at` of its delivery. What `expect` leaves out must be plain: no problems, no files,
nothing quoted, an ordinary message.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from connectors import Delivery, DeliveryKey, Incoming
from connectors.email.parse import parse

HERE = Path(__file__).parent
MAILS = sorted(HERE.glob("*/*.eml"))
CLASSES = {"header", "charset", "boundary", "nesting", "size", "threading", "quoting", "bounce", "attachment", "html",
           "auto", "crypto"}
RECEIVED = "2025-11-04T09:00:00+00:00"
PLAIN = {"problems": [], "attachments": [], "kind": "message", "auto_reply": False, "quoted": "", "direction": "in",
         "bounced": [], "details": [], "reply_token": ""}


def read(path: Path) -> tuple[Incoming, dict]:
    record = json.loads(path.with_suffix(".json").read_text("utf-8"))
    received_at = datetime.fromisoformat(record.get("received_at", RECEIVED))
    meta = record.get("meta", {})
    delivery = Delivery(DeliveryKey(path.name), path.read_bytes(), received_at, "message/rfc822", meta)
    [item] = parse(delivery)
    assert [item] == parse(delivery), "read twice is the same"
    return item, record


@pytest.mark.parametrize("path", MAILS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_mail(path: Path):
    item, record = read(path)
    expected = record["expect"]
    for name, plain in PLAIN.items():
        if not any(given == name or given.startswith(f"{name}_") or given.startswith(f"{name[:-1]}_")
                   for given in expected):
            assert plain == found(item, name), name
    for name, value in expected.items():
        if value is not None:
            compare(item, name, value)
    json.dumps(found(item, "text") + item.quoted + item.html).encode()
    assert "\x00" not in item.text + item.quoted + item.html + item.subject
    assert item.at <= datetime.fromisoformat(record.get("received_at", RECEIVED))


def compare(item: Incoming, name: str, value) -> None:
    field, _, how = name.rpartition("_")
    match how:
        case "has" if field == "problems":
            assert set(value) <= set(item.problems)
        case "has":
            assert not [piece for piece in value if piece not in found(item, field)], found(item, field)
        case "lacks":
            assert not [piece for piece in value if piece in found(item, field)], found(item, field)
        case "starts":
            assert found(item, field).startswith(value), found(item, field)
        case "matches":
            assert re.search(value, found(item, field)), found(item, field)
        case "first":
            assert value == found(item, field)[0]
        case "last":
            assert value == found(item, field)[-1]
        case "count":
            assert value == len(item.attachments), item.attachments
        case "names":
            assert value == [one.name for one in item.attachments]
        case _ if name == "problems":
            assert sorted(value) == sorted(item.problems)
        case _ if name == "bounced":
            assert [address for address, _ in value] == [address for address, _ in item.bounced]
            reasons = zip(value, item.bounced, strict=True)
            assert all(wanted in given for (_, wanted), (_, given) in reasons), item.bounced
        case _:
            assert value == found(item, name)


def found(item: Incoming, name: str):
    match name:
        case "from":
            return item.author.address
        case "from_name":
            return item.author.name
        case "to" | "cc" | "reply_to":
            return [one.address for one in getattr(item, name)]
        case "at":
            return item.at.astimezone(UTC).isoformat()
        case "attachments":
            return [{"name": one.name, "type": one.type, "size": len(one.content),
                     "sha256": sha256(one.content).hexdigest(), "inline": one.inline} for one in item.attachments]
        case "answers_to" | "problems":
            return list(getattr(item, name))
        case "details" | "bounced":
            return [list(pair) for pair in getattr(item, name)]
        case _:
            return getattr(item, name)


def test_the_collection_is_complete():
    assert CLASSES == {path.parent.name for path in MAILS}
    assert len(MAILS) >= 300
    assert not [path for path in HERE.glob("*/*.json") if not path.with_suffix(".eml").exists()]


def test_every_mail_tests_something_of_its_own():
    contents = {path.read_bytes() for path in MAILS}
    rules = {json.loads(path.with_suffix(".json").read_text("utf-8"))["rule"] for path in MAILS}
    assert len(MAILS) == len(contents)
    assert len(MAILS) - len(rules) <= 20  # a rule may be shown from two sides
