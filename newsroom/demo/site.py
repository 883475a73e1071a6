"""Our public pages as residents reach them: over HTTP, each from an address of their own."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

ASK_SECONDS = 15.0
EVERYWHERE = ("0.0.0.0", "::", "")
FORM_TYPE = "application/x-www-form-urlencoded"


def _somewhere() -> str:
    """An address that is kept for examples (RFC 3849), another one each time: rate limits count by address."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `told` is its JSON, when it is an object."""

    status: int
    text: str

    @property
    def told(self) -> dict[str, Any]:
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Site:
    """The site as one resident reaches it. `host` and `port` are where it listens, `origin` is how browsers know it."""

    host: str
    port: int
    origin: str
    resident: str = field(default_factory=_somewhere)

    def visited(self) -> Site:
        """The same by somebody else."""
        return Site(self.host, self.port, self.origin)

    @property
    def socket(self) -> str:
        """Where its live sockets are."""
        return f"ws://{f'[{self._host}]' if ':' in self._host else self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return "127.0.0.1" if self.host in EVERYWHERE else self.host

    async def get(self, path: str) -> Answer:
        """Raises OSError when nobody answers."""
        return await asyncio.to_thread(self._ask, "GET", path, b"", {})

    async def post(self, path: str, body: bytes | Mapping[str, str],
                   headers: Mapping[str, str] | None = None) -> Answer:
        """A form of these fields, or bytes with their own type. Raises OSError when nobody answers."""
        kind = {"Content-Type": FORM_TYPE} if isinstance(body, Mapping) else {}
        sent = urlencode(body).encode() if isinstance(body, Mapping) else body
        return await asyncio.to_thread(self._ask, "POST", path, sent, {**kind, **(headers or {})})

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        line = http.client.HTTPConnection(self._host, self.port, timeout=ASK_SECONDS)
        try:
            line.request(method, path, body or None, {"Origin": self.origin, "X-Forwarded-For": self.resident,
                                                      "Accept-Language": "nl", **headers})
            answer = line.getresponse()
            return Answer(answer.status, answer.read().decode("utf-8", "replace"))
        except http.client.HTTPException as error:
            raise OSError(f"no answer: {type(error).__name__}") from error
        finally:
            line.close()
