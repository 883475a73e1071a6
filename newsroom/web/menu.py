"""The menus: only pages that exist and that this person may open.

A page is in a menu by its route's name; its words are `menu.<name>` in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from newsroom.web.keys import SCOPE, standing
from newsroom.web.routes import POLICIES

ICONS = {"board": "board", "mine": "me", "channels": "pulse", "queue": "queue", "spam": "shield"}
ADMIN = ("admin_channels", "admin_forms", "admin_teams", "admin_people", "admin_hours", "admin_days", "admin_targets",
         "admin_labels", "admin_reasons", "admin_canned", "admin_tokens", "admin_webhooks", "admin_log")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a menu. `name` is the route's; `current`: this page is in it. `n`: how many things there need
    somebody; None: it is not counted."""

    name: str
    url: str
    icon: str
    current: bool
    n: int | None = None


def rail(request: web.Request, todo: Mapping[str, int] | None = None) -> list[Item]:
    """The rail at the left: the working pages, then Beheer. `todo` has counts by name, see `board.todo`."""
    counts = {"channels": standing(request.app).trouble} | dict(todo or {})
    items = [item for name, icon in ICONS.items() if (item := _item(request, name, icon, counts.get(name)))]
    below = admin(request)
    if below:
        items.append(Item("admin", below[0].url, "gear", any(item.current for item in below)))
    return items


def admin(request: web.Request) -> list[Item]:
    """The pages of Beheer."""
    more = ("duty",) if request[SCOPE].may("plan") and not request[SCOPE].may("read") else ()  # others: from the board
    return [item for name in (*ADMIN, *more) if (item := _item(request, name, ""))]


def _item(request: web.Request, name: str, icon: str, n: int | None = None) -> Item | None:
    resource = request.app.router.named_resources().get(name)
    if resource is None:
        return None
    permission = next(request.app[POLICIES][route].permission for route in resource)
    if permission != "signed_in" and not request[SCOPE].may(permission):
        return None
    url = str(resource.url_for())
    return Item(name, url, icon, request.path == url or request.path.startswith(url.rstrip("/") + "/"), n)
