"""Whether an account works, step by step, in words for the administrator. Nothing is posted or changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from connectors import ChannelError, SignInNeeded, Step
from connectors.mastodon import stream
from connectors.mastodon.client import NOT_ALLOWED, Api, Missing
from connectors.mastodon.settings import Settings, missing_scopes


async def steps(api: Api, settings: Settings) -> list[Step]:
    """Until the first step that fails; the live stream is tried whatever came of the rights."""
    about: dict[str, Any] = {}

    async def found() -> str:
        about.update(await instance(api))
        return f"{about.get('title') or settings.host}, Mastodon {about.get('version', '?')}"

    async def signed_in() -> str:
        return f"als @{(await api.get('/api/v1/accounts/verify_credentials'))['acct']}"

    async def may() -> str:
        return await _rights(api)

    async def read() -> str:
        await api.get("/api/v1/notifications", limit=1)
        return await _filtered(api)

    async def live() -> str:
        line = await stream.opened(streaming(about, api.base), settings.token.reveal())
        await line.close()
        return f"antwoorden tot {longest(about)} tekens"

    done: list[Step] = []
    for name, failed, act in (("Server gevonden", "Server niet gevonden", found),
                              ("Ingelogd", "Niet ingelogd", signed_in), ("Rechten in orde", "Rechten ontbreken", may),
                              ("Meldingen gelezen", "Meldingen niet gelezen", read),
                              ("Live verbinding", "Geen live verbinding", live)):
        done.append(await _step(name, failed, act))
        if not done[-1].ok and act is not may:
            break
    return done


async def instance(api: Api) -> dict[str, Any]:
    """What the server says of itself; the second version since Mastodon 4.0."""
    try:
        return await api.get("/api/v2/instance")
    except Missing:
        return await api.get("/api/v1/instance")


def streaming(about: dict[str, Any], base: str) -> str:
    """The address of the live stream: often another host."""
    urls = (about.get("configuration") or {}).get("urls") or {}
    found = urls.get("streaming") or (about.get("urls") or {}).get("streaming_api")
    return str(found).rstrip("/") if found else base.replace("http", "ws", 1)


def longest(about: dict[str, Any]) -> int:
    """The most characters in a post."""
    return int(((about.get("configuration") or {}).get("statuses") or {}).get("max_characters") or 500)


async def _step(name: str, failed: str, act: Callable[[], Awaitable[str]]) -> Step:
    try:
        return Step(name, True, await act())
    except ChannelError as problem:
        return Step(failed, False, problem=str(problem))
    except Missing:
        return Step(failed, False, problem="Deze server kent dit niet. Is het adres dat van een Mastodon-server?")
    except (*stream.FAILED, KeyError, TypeError, AttributeError) as problem:
        return Step(failed, False, type(problem).__name__, "De server gaf geen bruikbaar antwoord. Controleer het"
                                                           " adres, of vraag ICT of de verbinding is toegestaan.")


async def _rights(api: Api) -> str:
    """Raises `SignInNeeded` when one is missing. Older servers do not tell; then it shows at the first reply."""
    try:
        app = await api.get("/api/v1/apps/verify_credentials")
    except Missing:
        return "de server vertelt niet welke"
    scopes = app.get("scopes")
    if not isinstance(scopes, list):
        return "de server vertelt niet welke"
    if missing := missing_scopes([str(scope) for scope in scopes]):
        raise SignInNeeded(f"{NOT_ALLOWED} Nu ontbreekt: {', '.join(missing)}.")
    return ", ".join(map(str, scopes))


async def _filtered(api: Api) -> str:
    """Whether the account sets messages apart; we read those too, and say so."""
    try:
        policy = await api.get("/api/v2/notifications/policy")
    except (ChannelError, Missing):
        return ""
    apart = [name for name, value in policy.items() if name.startswith("for_") and value == "drop"]
    return "let op: het account gooit meldingen weg, zie Voorkeuren, Meldingen" if apart else ""
