"""Every address with who may use it: a route without a permission cannot be added, and is not served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute, Resource

from newsroom.access import Permission

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# signed_in: every account; public: everybody, no session is looked at; machine: as public, and programs come in
# without an Origin header: the handler checks their token or signature
Gate = Permission | Literal["signed_in", "public", "machine"]
GATES: frozenset[str] = frozenset({*get_args(Permission), "signed_in", "public", "machine"})
USUAL_BYTES = 1 << 20  # of a request's body, unless the route says otherwise


@dataclass(frozen=True, slots=True)
class Policy:
    """What a route declared. `csp` holds changes to the strict policy (security.py), `most_bytes` bounds the body."""

    permission: Gate
    csp: Mapping[str, str]
    most_bytes: int


POLICIES = web.AppKey("policies", dict[AbstractRoute, Policy])


class Routes:
    """The only way in: `page(method, path, handler, permission)`."""

    def __init__(self, app: web.Application):
        self.app = app
        self._known: set[tuple[str, str]] = set()
        app[POLICIES] = {}

    def page(self, method: str, path: str, handler: Handler, permission: Gate, *, name: str | None = None,
             csp: Mapping[str, str] | None = None, most_bytes: int = USUAL_BYTES) -> Resource:
        """Serve `path`. A GET answers HEAD too. `name` is for `url()` in templates and for the menus."""
        if permission not in GATES:
            raise ValueError(f"{method} {path}: {permission!r} is not a permission")
        if (method, path) in self._known:
            raise ValueError(f"{method} {path} is served already")
        self._known.add((method, path))
        policy = Policy(permission, dict(csp or {}), most_bytes)
        resource = self.app.router.add_resource(path, name=name)
        for one in ("GET", "HEAD") if method == "GET" else (method,):
            self.app[POLICIES][resource.add_route(one, handler)] = policy
        return resource


def check(app: web.Application) -> None:
    """Raise `RuntimeError` when a route was added past `Routes`."""
    loose = [str(route) for route in app.router.routes() if route not in app[POLICIES]]
    if loose:
        raise RuntimeError(f"routes without a permission: {', '.join(loose)}")
