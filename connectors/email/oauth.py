"""Access tokens for XOAUTH2 at Microsoft 365 and Google (RFC 6749 sections 4.4 and 6).

With a refresh token we act for the user who gave it. At Microsoft an application may also be given the mailbox
itself; then there is no refresh token and the client's own credentials are enough.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout

from connectors import Secret, SignInNeeded, TryLater
from connectors.email.settings import Settings, is_loopback

OnNewSecret = Callable[[str, Secret], Awaitable[None]]

MARGIN_SECONDS = 300.0  # a token this near its end is renewed first: a large mail takes a while
ANSWER_SECONDS = 30.0
LONGEST_SECONDS = 100 * 365 * 86_400  # a token that lasts longer has no end
ANSWER_BYTES = 65_536  # tokens of Microsoft are up to about 5 kB
_GOOGLE = "https://oauth2.googleapis.com/token"
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_DELEGATED = ("https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send "
              "offline_access")
_APPLICATION = "https://outlook.office365.com/.default"
_BUSY = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_ADVICE = {
    "microsoft": "Controleer in Microsoft Entra bij App-registraties of het clientgeheim nog geldig is en of de "
                 "beheerder toestemming gaf. Maak zo nodig een nieuw geheim of vernieuwingstoken en vul het hier in.",
    "google": "De toestemming is ingetrokken of verlopen. Meld u bij Google opnieuw aan voor dit postvak en vul het "
              "nieuwe vernieuwingstoken hier in. Zet de toepassing op In productie: bij Testen vervalt het token "
              "na 7 dagen."}


class Tokens:
    """The access token of one mailbox, renewed when needed; IMAP and SMTP share it.

    `on_new_secret` is told the new refresh token when the server rotates it. It is awaited before the access token
    is given out, and again later when it failed: a rotated token that is not kept locks the mailbox out.
    """

    def __init__(self, settings: Settings, on_new_secret: OnNewSecret | None = None):
        self.on_new_secret = on_new_secret
        self.ends: datetime | None = None  # of the refresh token, when the server tells
        self._settings = settings
        self._refresh = settings.refresh_token
        self._kept = self._refresh
        self._access = ""
        self._until = 0.0
        self._one = asyncio.Lock()  # two renewals at once would use a rotated token twice

    async def access(self, rejected: str = "") -> str:
        """A valid access token; never the one that a server `rejected`. Raises `SignInNeeded` and `TryLater`."""
        async with self._one:
            if monotonic() >= self._until or self._access == rejected:
                await self._renew()
            await self._keep()
            return self._access

    async def _renew(self) -> None:
        answer = await self._ask(self._form())
        token, seconds = answer.get("access_token"), answer.get("expires_in", 3600)
        if not isinstance(token, str) or not token or not isinstance(seconds, int | float | str):
            raise TryLater("De tokenserver gaf geen bruikbaar token.")
        try:
            self._until = monotonic() + max(float(seconds) - MARGIN_SECONDS, float(seconds) / 2)
        except ValueError as problem:
            raise TryLater("De tokenserver gaf geen bruikbaar token.") from problem
        self._access = token
        lasts = answer.get("refresh_token_expires_in")
        if isinstance(lasts, int) and 0 < lasts < LONGEST_SECONDS:
            self.ends = datetime.now(UTC) + timedelta(seconds=lasts)
        if isinstance(rotated := answer.get("refresh_token"), str) and rotated:
            self._refresh = Secret(rotated)

    async def _keep(self) -> None:
        if self._refresh.reveal() != self._kept.reveal() and self.on_new_secret:
            await self.on_new_secret("refresh_token", self._refresh)
            self._kept = self._refresh

    def _form(self) -> dict[str, str]:
        settings, form = self._settings, {"client_id": self._settings.client_id}
        if settings.client_secret.reveal():
            form["client_secret"] = settings.client_secret.reveal()
        if self._refresh.reveal():
            form |= {"grant_type": "refresh_token", "refresh_token": self._refresh.reveal()}
            return form | ({"scope": _DELEGATED} if settings.sign_in == "microsoft" else {})
        if settings.sign_in == "microsoft":
            return form | {"grant_type": "client_credentials", "scope": _APPLICATION}
        raise SignInNeeded("Vul een vernieuwingstoken in. " + _ADVICE["google"])

    async def _ask(self, form: dict[str, str]) -> dict[str, Any]:
        url = _token_url(self._settings)
        try:
            async with ClientSession(timeout=ClientTimeout(total=ANSWER_SECONDS), trust_env=True) as session, \
                    session.post(url, data=form, allow_redirects=False) as response:
                body = await response.content.read(ANSWER_BYTES)
                return self._read(response.status, body, response.headers.get("Retry-After", ""))
        except (ClientError, TimeoutError, OSError) as problem:
            raise TryLater(f"De tokenserver {urlsplit(url).hostname} antwoordt niet.") from problem

    def _read(self, status: int, body: bytes, retry_after: str) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        answer = answer if isinstance(answer, dict) else {}
        error = str(answer.get("error", ""))[:100]
        if status == 200 and not error:
            return answer
        if status == 429 or status >= 500 or error in _BUSY or (status != 200 and not error):
            raise TryLater(f"De tokenserver is bezet ({status}).", _seconds(retry_after))
        said = " ".join(str(answer.get("error_description", "")).split())[:300]
        raise SignInNeeded(f"{_ADVICE[self._settings.sign_in]} Antwoord van de server: {error}. {said}".strip())


def _token_url(settings: Settings) -> str:
    default = _GOOGLE if settings.sign_in == "google" else _MICROSOFT
    url = settings.token_url or default.format(tenant=quote(settings.tenant, safe=""))
    if not settings.token_url and settings.sign_in == "microsoft" and not settings.tenant:
        raise SignInNeeded("Vul de tenant in: de map-id uit Microsoft Entra.")
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise SignInNeeded("Het adres voor tokens moet met https beginnen.")
    return url


def _seconds(retry_after: str) -> float:
    return min(float(retry_after), 3600.0) if retry_after.isdigit() else 60.0
