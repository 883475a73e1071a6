"""The state of a form that is being filled in. It travels in the page, signed, so that no cookie is needed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from newsroom.form_file import FormFile
from newsroom.web.limits import PATIENCE_SECONDS, STATE_SECONDS

KEY_BYTES = 16
SIGN_BYTES = 24


@dataclass(frozen=True, slots=True)
class State:
    """`key` is the idempotency key of the delivery that this form will be; `started` is in seconds since 1970.
    `bait`: the field that people do not see was filled in."""

    form_id: int
    version: int
    key: str
    started: int
    answers: Mapping[str, str | list[str]] = field(default_factory=dict)
    files: tuple[FormFile, ...] = ()
    bait: bool = False

    def with_answers(self, answers: Mapping[str, str | list[str]]) -> State:
        return replace(self, answers={**self.answers, **answers})

    def names(self) -> dict[str, list[str]]:
        """The names of the files by field."""
        found: dict[str, list[str]] = {}
        for one in self.files:
            found.setdefault(one.field, []).append(one.name)
        return found

    def age(self, at: datetime) -> float:
        """Seconds since the form was opened."""
        return at.timestamp() - self.started

    def stale(self, at: datetime) -> bool:
        """Open for so long that its files are gone and a last look is wise."""
        return self.age(at) > STATE_SECONDS

    def renewed(self, at: datetime) -> State:
        """As if it was opened just now, patience apart. The key stays: what was sent is still known."""
        return replace(self, started=int(at.timestamp()) - PATIENCE_SECONDS)


def begin(form_id: int, version: int, at: datetime) -> State:
    """Somebody opens the form."""
    return State(form_id, version, new_key(), int(at.timestamp()))


def new_key() -> str:
    return secrets.token_hex(KEY_BYTES)


def seal(state: State, secret: bytes) -> str:
    """Text for a hidden field."""
    body = json.dumps(asdict(state), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(body, secret) + body).decode()


def unseal(text: str, secret: bytes) -> State | None:
    """The state, or None when it is not ours."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    sign, body = raw[:SIGN_BYTES], raw[SIGN_BYTES:]
    if not hmac.compare_digest(sign, _sign(body, secret)):
        return None
    found = json.loads(body)
    return State(**{**found, "files": tuple(FormFile(**one) for one in found["files"])})


def _sign(body: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, b"form state:" + body, hashlib.sha256).digest()[:SIGN_BYTES]
