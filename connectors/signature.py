"""Signed JSON over HTTP, in both directions, as standardwebhooks.com (v1) describes: HMAC-SHA256 over the id, the
moment and the raw bytes. Libraries for it exist in every language."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors import NotVerified

WINDOW_SECONDS = 300  # how much the clocks may differ; an older request is a replay
SHORTEST_KEY = 24  # bytes
PREFIX = "whsec_"  # before a secret in base64
ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")  # no full stop: it separates the parts that are signed
MOST_SIGNATURES = 10  # of one request: one for each key in use


def key(secret: str) -> bytes:
    """The key behind a secret: base64 after `whsec_`, else the text itself. Empty when it is too short."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else \
            secret.encode()
    except binascii.Error:
        return b""
    return found if len(found) >= SHORTEST_KEY else b""


def sign(keys: Sequence[bytes], id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a request, with a signature for each key."""
    moment = str(int(at.timestamp()))
    signatures = " ".join(f"v1,{_signature(one, id, moment, body)}" for one in keys)
    return {"webhook-id": id, "webhook-timestamp": moment, "webhook-signature": signatures}


def verify(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, at: datetime) -> str:
    """The id of a request that one of the keys signed, at most WINDOW_SECONDS from `at`. Raises `NotVerified`."""
    found = {name.lower(): value for name, value in headers.items()}
    id, moment = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    if not ID.fullmatch(id) or not re.fullmatch(r"[0-9]{1,12}", moment):
        raise NotVerified("webhook-id or webhook-timestamp is missing or wrong")
    given = [one.removeprefix("v1,") for one in found.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
             if one.startswith("v1,") and one.isascii()]
    expected = [_signature(one, id, moment, body) for one in keys if one]
    if not any([hmac.compare_digest(one, other) for one in given for other in expected]):
        raise NotVerified("no signature of a key in use")
    if abs(int(moment) - at.timestamp()) > WINDOW_SECONDS:
        raise NotVerified(f"more than {WINDOW_SECONDS} seconds old, or from the future")
    return id


def _signature(key: bytes, id: str, moment: str, body: bytes) -> str:
    content = f"{id}.{moment}.".encode() + body
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
