"""A token server that is as strict as the real ones: it expires, rotates and refuses (RFC 6749, 7662)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from time import monotonic

from aiohttp import web


@dataclass
class Grant:
    """What one application may do for one mailbox, and how the server behaves towards it."""

    address: str
    client_id: str = field(default_factory=lambda: secrets.token_hex(8))
    client_secret: str = field(default_factory=lambda: secrets.token_hex(8))
    refresh_token: str = field(default_factory=lambda: secrets.token_hex(8))
    expires_in: float = 3600.0
    rotates: bool = False
    refuses: str = ""  # an error code of RFC 6749 section 5.2
    status: int = 0  # answer with this status and nothing useful
    scopes: list[str] = field(default_factory=list)  # asked for, in order
    given: dict[str, float] = field(default_factory=dict)  # access tokens and when they end

    def expire(self) -> None:
        """Every access token given so far is worth nothing from now on."""
        self.given = dict.fromkeys(self.given, 0.0)

    def accepts(self, token: str) -> bool:
        return self.given.get(token, 0.0) > monotonic()


class TokenServer:
    """`url` gives tokens, `introspection` judges them."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}
        self.url = self.introspection = ""
        self._runner: web.AppRunner | None = None

    def grant(self, address: str, **how) -> Grant:
        made = Grant(address, **how)
        self.grants[made.client_id] = made
        return made

    def judge(self, token: str) -> Grant | None:
        """Whose valid access token this is."""
        return next((grant for grant in self.grants.values() if grant.accepts(token)), None)

    async def start(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/token", self._token), web.post("/introspect", self._introspect)])
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.url, self.introspection = f"http://127.0.0.1:{port}/token", f"http://127.0.0.1:{port}/introspect"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        grant = self.grants.get(str(form.get("client_id", "")))
        if grant is None or form.get("client_secret") != grant.client_secret:
            return _error("invalid_client", 401)
        if grant.status:
            return web.Response(status=grant.status, text="even niet", headers={"Retry-After": "7"})
        if grant.refuses:
            return _error(grant.refuses)
        if form.get("grant_type") == "refresh_token":
            if not secrets.compare_digest(str(form.get("refresh_token", "")), grant.refresh_token):
                return _error("invalid_grant")
        elif form.get("grant_type") != "client_credentials":
            return _error("unsupported_grant_type")
        return self._give(grant, str(form.get("scope", "")))

    def _give(self, grant: Grant, scope: str) -> web.Response:
        grant.scopes.append(scope)
        token = secrets.token_urlsafe(32)
        grant.given[token] = monotonic() + grant.expires_in
        answer = {"token_type": "Bearer", "access_token": token, "expires_in": grant.expires_in}
        if grant.rotates:
            grant.refresh_token = secrets.token_hex(8)
            answer["refresh_token"] = grant.refresh_token
        return web.json_response(answer)

    async def _introspect(self, request: web.Request) -> web.Response:
        grant = self.judge(str((await request.post()).get("token", "")))
        if grant is None:
            return web.json_response({"active": False})
        return web.json_response({"active": True, "username": grant.address})


def _error(code: str, status: int = 400) -> web.Response:
    return web.json_response({"error": code, "error_description": f"XX-1: {code}\nmeer"}, status=status)
