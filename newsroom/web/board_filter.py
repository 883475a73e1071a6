"""The filter and layout of the board as its address has them, and the views that are made of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aiohttp import web

from newsroom.board import Filter
from newsroom.saved_view import SavedView

LATENESS = {"op-tijd": 0, "bijna": 1, "late": 2}
# a filter's field, and its name in the address
PARAMETERS = {"channels": "kanaal", "teams": "team", "assignees": "wie", "labels": "label", "priorities": "prioriteit",
              "lateness": "termijn"}
LAYOUTS = ("kolommen", "lijst", "teams")  # the first is what an address without `vorm` has


@dataclass(frozen=True, slots=True)
class View:
    """A tab above the board: a ready-made filter, or one that somebody `saved` under a name. `n` counts its open
    conversations."""

    name: str
    wanted: Filter
    url: str
    n: int
    current: bool
    saved: SavedView | None = None

    @property
    def rule(self) -> dict[str, list[int]]:
        return {name: list(ids) for name, ids in asdict(self.wanted).items()}


def read_filter(query: Mapping[str, str]) -> Filter:
    """The filter in an address; what is not a number there is left out."""
    values = {field: _numbers(",".join(query.getall(name, ())))  # type: ignore[attr-defined]
              for field, name in PARAMETERS.items()}
    return Filter(**values)


def filter_query(wanted: Filter) -> dict[str, str]:
    """The filter as an address has it."""
    words = {number: word for word, number in LATENESS.items()}
    parts = {}
    for field, name in PARAMETERS.items():
        ids = getattr(wanted, field)
        if ids:
            parts[name] = ",".join(words[id] if field == "lateness" and id in words else str(id) for id in ids)
    return parts


def _numbers(text: str) -> tuple[int, ...]:
    parts = (str(LATENESS.get(part, part)) for part in text.split(","))
    return tuple(sorted({int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 10}))


def layout_of(query: Mapping[str, str]) -> str:
    """The layout that an address asks for; the usual one without."""
    return query["vorm"] if query.get("vorm") in LAYOUTS else LAYOUTS[0]


def address(request: web.Request, wanted: Filter, layout: str = "") -> str:
    """The board with a filter, in the layout that it has now or in another."""
    layout = layout or layout_of(request.query)
    query = filter_query(wanted) | ({"vorm": layout} if layout in LAYOUTS[1:] else {})
    return str(request.app.router["board"].url_for().with_query(query))


def layouts(request: web.Request, wanted: Filter) -> list[tuple[str, str]]:
    """The ways to see the board, with their addresses."""
    return [(name, address(request, wanted, name)) for name in LAYOUTS]
