"""How one mail file is read, as plain values for JSON: for `newsroom mail show`."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from connectors import Author, Delivery, DeliveryKey, Incoming, Kind
from connectors.email.headers import parse_date
from connectors.email.headers import read as read_headers
from connectors.email.limits import MAIL_BYTES, Notes
from connectors.email.parse import parse


def show(path: Path) -> dict[str, Any]:
    """Never raises: a file that cannot be opened has the problem `cannot-open`. `date` is as the mail says it,
    with its own offset; `message_id` is null when the mail has none."""
    try:
        with path.open("rb") as file:
            raw = file.read(2 * MAIL_BYTES)
    except (OSError, ValueError):
        return _shown(path, None, None) | {"problems": ["cannot-open"]}
    [item] = parse(Delivery(DeliveryKey(str(path)), raw, datetime.now(UTC), "message/rfc822"))
    return _shown(path, item, _date(raw))


def _shown(path: Path, item: Incoming | None, date: datetime | None) -> dict[str, Any]:
    author = item.author if item else Author("email", "")
    message_id = item.external_id if item and not item.external_id.startswith("sha256:") else None
    return {
        "file": str(path),
        "message_id": message_id,
        "from": _person(author),
        "to": [_person(one) for one in item.to] if item else [],
        "cc": [_person(one) for one in item.cc] if item else [],
        "subject": item.subject if item else "",
        "date": date.isoformat() if date else None,
        "text": item.text if item else "",
        "quoted": item.quoted if item else "",
        "html": item.html if item else "",
        "attachments": [
            {"name": one.name, "type": one.type, "size": len(one.content),
             "sha256": sha256(one.content).hexdigest(), "inline": one.inline}
            for one in (item.attachments if item else ())],
        "auto_reply": bool(item and item.auto_reply),
        "bounce": _bounce(item),
        "problems": list(item.problems) if item else [],
    }


def _person(one: Author) -> dict[str, str]:
    return {"name": one.name, "address": one.address}


def _bounce(item: Incoming | None) -> bool | dict[str, Any]:
    if item is None or item.kind is not Kind.BOUNCE:
        return False
    return {"recipients": [address for address, _ in item.bounced],
            "of": item.answers_to[-1] if item.answers_to else None}


def _date(raw: bytes) -> datetime | None:
    try:
        fields, _ = read_headers(raw, 0, min(len(raw), MAIL_BYTES), Notes())
        return parse_date(fields.raw("date"))
    except Exception:  # as `parse`: an odd file is shown, not raised
        return None
