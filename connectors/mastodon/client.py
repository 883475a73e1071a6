"""Asking a Mastodon server: one place for its errors, its limits on the number of requests, and its odd answers.

Endpoints and fields: docs.joinmastodon.org, read on 2026-11-25.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientResponse, ClientSession, ClientTimeout, FormData

from connectors import ChannelError, Refused, SignInNeeded, TryLater, Unknown, outbound
from connectors.mastodon.settings import Settings

SECONDS = 30.0  # of one request; an upload may take as long as UPLOAD_SECONDS
UPLOAD_SECONDS = 100.0
ANSWER_BYTES = 16_000_000  # 40 notifications are about 400 kB
SPARE = 20  # requests that are left to replies when the rest of the five minutes' share is used up
LONGEST_WAIT = 1800.0  # seconds that we believe a server that says when to come back
REVOKED = ("Het toegangstoken werkt niet meer. Iemand trok het in, of wijzigde het wachtwoord van het account. Maak bij"
           " Mastodon onder Voorkeuren, Ontwikkeling een nieuw token en vul het hier in.")
NOT_ALLOWED = ("Het toegangstoken mag dit niet. Geef de toepassing bij Mastodon de rechten read, write:statuses en"
               " write:media, en neem daarna het nieuwe token over.")


class Missing(Exception):
    """404: it is not there, or not for us."""


class Api:
    """One account's way in. Close it when done."""

    def __init__(self, settings: Settings) -> None:
        self.base = settings.base
        self._token = settings.token.reveal()
        self._session: ClientSession | None = None
        self._spare_from = 0.0  # a moment in seconds since 1970: until then nothing that can wait is asked

    async def get(self, path: str, **params: Any) -> Any:
        """The JSON at `path`; a list as a value gives `name[]`. Raises `Missing` and the channel errors, never
        `Unknown`: reading changes nothing."""
        pairs = [(f"{name}[]" if isinstance(value, list) else name, str(one)) for name, value in params.items()
                 for one in (value if isinstance(value, list) else [value])]
        try:
            return await self._ask("GET", path, params=pairs)
        except Unknown as problem:
            raise TryLater(str(problem)) from problem

    async def post(self, path: str, body: dict[str, Any] | FormData, headers: dict[str, str] | None = None,
                   seconds: float = SECONDS) -> Any:
        """The JSON answer. Raises `Unknown` when the server may have done it, and what `get` raises."""
        content = {"data": body} if isinstance(body, FormData) else {"json": body}
        return await self._ask("POST", path, headers=headers, seconds=seconds, **content)

    def pause(self) -> float:
        """Seconds in which nothing that can wait is to be asked, because few requests are left."""
        return max(0.0, self._spare_from - datetime.now(UTC).timestamp())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, seconds: float = SECONDS,
                   **more: Any) -> Any:
        url = self.base + path
        try:
            outbound.check(url)
            if self._session is None:
                self._session = outbound.session(seconds=UPLOAD_SECONDS)
            async with self._session.request(
                    method, url, headers={"Authorization": f"Bearer {self._token}", **(headers or {})},
                    allow_redirects=False, timeout=_timeout(seconds), **more) as answer:
                self._count(answer)
                return _read(answer, await _content(answer))
        except outbound.NotAllowed as problem:
            raise SignInNeeded(self._forbidden) from problem
        except outbound.NOT_SENT as problem:
            raise TryLater(f"{self._name} antwoordt niet.") from problem
        except outbound.FAILED as problem:
            raise Unknown(f"De verbinding met {self._name} viel weg voor het antwoord er was.") from problem

    def _count(self, answer: ClientResponse) -> None:
        """X-RateLimit-*: how many requests are left, and until when (docs.joinmastodon.org/api/rate-limits)."""
        left = answer.headers.get("X-RateLimit-Remaining", "")
        if left.isascii() and left.isdecimal() and int(left) < SPARE and answer.method == "GET":
            self._spare_from = datetime.now(UTC).timestamp() + waiting(answer)

    @property
    def _name(self) -> str:
        return self.base.partition("://")[2]

    @property
    def _forbidden(self) -> str:
        return (f"Newsroom mag geen verbinding maken met {self._name}: het is geen openbaar adres, of het begint niet"
                " met https. Vraag ICT om het netwerk toe te staan.")


def _timeout(seconds: float) -> ClientTimeout:
    return ClientTimeout(total=seconds, sock_connect=outbound.CONNECT_SECONDS)


def waiting(answer: ClientResponse) -> float:
    """The seconds after which the server wants to be asked again."""
    now = datetime.now(UTC)
    retry, reset = answer.headers.get("Retry-After", ""), answer.headers.get("X-RateLimit-Reset", "")
    if retry.isascii() and retry.isdecimal():
        seconds = float(retry)
    elif reset.isascii() and reset.isdecimal():
        seconds = float(reset) - now.timestamp()
    else:
        try:
            seconds = (datetime.fromisoformat(reset) - now).total_seconds()
        except (ValueError, TypeError):
            seconds = 60.0
    return min(max(seconds, 1.0), LONGEST_WAIT)


async def _content(answer: ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_chunked(65_536):
        body += piece
        if len(body) > ANSWER_BYTES:
            break
    return bytes(body)


def _read(answer: ClientResponse, body: bytes) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if answer.status in (200, 202, 206):
        if not isinstance(found, dict | list):
            raise Unknown("De server gaf geen bruikbaar antwoord.")
        return found
    raise _error(answer, str(found.get("error", ""))[:300] if isinstance(found, dict) else "")


def _error(answer: ClientResponse, said: str) -> ChannelError | Missing:
    words = f" Antwoord van de server: {said}" if said else ""
    match answer.status:
        case 401:
            return SignInNeeded(REVOKED + words)
        case 403:
            return SignInNeeded(NOT_ALLOWED + words)
        case 404 | 410:
            return Missing(said)
        case 429:
            seconds = waiting(answer)
            return TryLater(f"De server wil even geen vragen meer. Wij proberen het over {seconds / 60:.0f} minuten"
                            " opnieuw.", seconds)
        case 503:
            return TryLater("De server is bezet of in onderhoud.", waiting(answer))
        case status if status < 500:
            return Refused(f"De server weigert dit.{words}" if words else f"De server weigert dit ({status}).")
    return Unknown(f"De server had een storing ({answer.status}).")
