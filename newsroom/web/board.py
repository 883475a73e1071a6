"""The board, my work and the spam folder: pages that the live socket then keeps true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web
from yarl import URL

from newsroom import account, board, conversation, flow, language
from newsroom.access import PERMISSIONS
from newsroom.account import Account
from newsroom.board import STATES, Board, Filter, Names
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.web.fragments import Fragments, named, times
from newsroom.web.keys import RENDER, SCOPE, now, standing
from newsroom.web.render import language_of, page
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

MORE = 40  # cards that "toon nog" adds
SPAM_ROWS = 200
LATENESS = {"op-tijd": 0, "bijna": 1, "late": 2}
# a filter's field, and its name in the address
PARAMETERS = {"channels": "kanaal", "teams": "team", "assignees": "wie", "labels": "label", "priorities": "prioriteit",
              "lateness": "termijn"}
LAYOUTS = ("kolommen", "lijst")  # the first is what an address without `vorm` has
GROUPS = ("open", "department", "waiting")  # of my work
PRIORITIES = ("low", "normal", "high", "urgent")


def routes(add: Routes) -> None:
    add.page("GET", "/bord", show, "read", name="board")
    add.page("GET", "/bord/nog", more, "read", name="board_more")
    add.page("GET", "/werk", mine, "read", name="mine")
    add.page("GET", "/spam", spam, "read", name="spam")


@dataclass(frozen=True, slots=True)
class View:
    """A ready-made filter above the board. `n` counts its open conversations."""

    name: str
    wanted: Filter
    url: str
    n: int
    current: bool

    @property
    def rule(self) -> dict[str, list[int]]:
        return {name: list(ids) for name, ids in asdict(self.wanted).items()}


async def show(request: web.Request) -> web.Response:
    """The board, filtered as the address says."""
    wanted = read_filter(request.query)
    layout = "lijst" if request.query.get("vorm") == "lijst" else "kolommen"
    async with seen(request).snapshot() as connection:
        found = await board.read(connection, request[SCOPE], wanted, now(request))
        names = await board.names(connection)
        views = await _views(connection, request, wanted)
        people = await account.everyone(connection)
        hour = await flow.pulse(connection, request[SCOPE], now(request))
    return page(request, "board/board.html", board=found, wanted=wanted, states=STATES, hour=hour,
                channels=standing(request.app), views=views, layout=layout, layouts=_layouts(request, wanted),
                filters=_filters(request, wanted, names, people),
                back=request.path_qs, choices=choices(request, names, people), late=_first(found, 2),
                soon=_first(found, 1), page_size=board.PAGE, rule=View("", wanted, "", 0, True).rule,
                counts_live=sum(found.counts[state] for state in STATES[:4]), more_query=_more_queries(request, found),
                **cards(request, names))


async def more(request: web.Request) -> web.Response:
    """The next cards of one column, after the card `na`."""
    state = request.query.get("kolom", "")
    if state not in STATES[:4]:
        raise web.HTTPNotFound
    wanted = read_filter(request.query)
    async with seen(request).snapshot() as connection:
        after = await conversation.find(connection, request.query.get("na", ""), request[SCOPE])
        rows = await board.more(connection, request[SCOPE], wanted, state, after, MORE)
        names = await board.names(connection)
    return page(request, "board/more.html", rows=rows, state=state, following=_more_url(request, state, rows),
                back=request.path_qs, page_size=MORE, **cards(request, names))


async def mine(request: web.Request) -> web.Response:
    """What I have, in groups."""
    async with seen(request).snapshot() as connection:
        names = await board.names(connection)
        people = await account.everyone(connection)
        return page(request, "board/mine.html", back=request.path_qs, **await work(connection, request),
                    choices=choices(request, names, people), **cards(request, names))


async def spam(request: web.Request) -> web.Response:
    """The spam folder, newest first."""
    async with seen(request).snapshot() as connection:
        rows = await board.spam(connection, request[SCOPE], SPAM_ROWS)
        names = await board.names(connection)
    return page(request, "board/spam.html", rows=rows, names=names)


async def work(connection: Connection, request: web.Request) -> dict[str, Any]:
    """My own work, for the list beside a conversation too: `work` has the cards by group, `work_board` the rest."""
    own = Filter(assignees=(request[SCOPE].account_id,))
    found = await board.read(connection, request[SCOPE], own, now(request))
    groups = {state: sorted(found.cards[state], key=by_term) for state in GROUPS}
    return {"work": groups, "work_board": found, "work_rule": View("mine", own, "", 0, True).rule}


def by_term(row: Conversation) -> tuple[bool, float, int]:
    """The order of my work: what is due first."""
    return (row.due_at is None, row.due_at.timestamp() if row.due_at else 0.0, row.id)


def cards(request: web.Request, names: Names) -> dict[str, Any]:
    """`card` for the templates: the same fragment as the live socket sends."""
    fragments, speech = Fragments(request.app[RENDER]), language_of(request)
    return {"card": lambda row: Drawn(fragments.card(row, names, speech)), "names": names, **times(speech)}


class Drawn(str):
    """A fragment that a template made: the page's template does not escape it once more."""

    def __html__(self) -> str:
        return str(self)


def choices(request: web.Request, names: Names, people: Sequence[Account]) -> dict[str, list[list[Any]]]:
    """What the menus offer: [id, name] of colleagues who may work, teams, labels and close reasons."""
    speech = language_of(request)
    return {"people": [[one.id, one.name, one.initials] for one in workers(people)],
            "teams": [[id, name] for id, name in names.teams.items()],
            "labels": [[id, name] for id, (name, _) in names.labels.items()],
            "reasons": [[id, named(reason, speech)] for id, reason in names.reasons.items()]}


def workers(people: Iterable[Account]) -> list[Account]:
    """Who can get work."""
    return [one for one in people if one.disabled_at is None and not PERMISSIONS["work"].isdisjoint(one.roles)]


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


def _address(request: web.Request, wanted: Filter, layout: str = "") -> str:
    """The board with a filter, in the layout that it has now or in another."""
    layout = layout or request.query.get("vorm", "")
    query = filter_query(wanted) | ({"vorm": layout} if layout in LAYOUTS[1:] else {})
    return str(request.app.router["board"].url_for().with_query(query))


def _layouts(request: web.Request, wanted: Filter) -> list[tuple[str, str]]:
    """The ways to see the board, with their addresses."""
    return [(name, _address(request, wanted, name)) for name in LAYOUTS]


async def _views(connection: Connection, request: web.Request, wanted: Filter) -> list[View]:
    scope = request[SCOPE]
    known = {"all": Filter(), "triage": Filter(assignees=(0,)), "mine": Filter(assignees=(scope.account_id,)),
             "team": Filter(teams=tuple(sorted(scope.teams))), "late": Filter(lateness=(2,))}
    if not scope.teams:
        del known["team"]
    return [View(name, rule, _address(request, rule),
                 sum((await board.count(connection, scope, rule)).values()), rule == wanted)
            for name, rule in known.items()]


def _filters(request: web.Request, wanted: Filter, names: Names, people: Sequence[Account]) -> list[dict[str, Any]]:
    """The chips above the board: name, options (value, text, chosen) and what is chosen, in words."""
    speech = language_of(request)
    say = language.translator(speech)
    options = {
        "channels": [(id, name) for id, (_, name) in names.channels.items()],
        "teams": [(0, say("filter.no_team")), *names.teams.items()],
        "assignees": [(0, say("card.nobody")), *((one.id, one.name) for one in workers(people))],
        "labels": [(id, name) for id, (name, _) in names.labels.items()],
        "priorities": [(n, say(f"priority.{name}")) for n, name in reversed(list(enumerate(PRIORITIES)))],
        "lateness": [(n, say(f"lateness.{n}")) for n in (2, 1, 0)]}
    return [{"field": field, "parameter": PARAMETERS[field], "options": [
        (id, text, id in getattr(wanted, field)) for id, text in pairs],
        "chosen": [text for id, text in pairs if id in getattr(wanted, field)]}
        for field, pairs in options.items() if pairs]


def _first(found: Board, lateness: int) -> Conversation | None:
    """The loaded card with this lateness whose term comes first."""
    return min((row for state in STATES[:4] for row in found.cards[state] if row.lateness == lateness and row.due_at),
               key=lambda row: row.due_at, default=None)  # type: ignore[arg-type, return-value]


def _more_queries(request: web.Request, found: Board) -> dict[str, str]:
    return {state: URL.build(query={**request.query, "kolom": state, "na": rows[-1].reference}).query_string
            for state, rows in found.cards.items() if rows}


def _more_url(request: web.Request, state: str, rows: Sequence[Conversation]) -> str:
    if len(rows) < MORE:
        return ""
    query = {**request.query, "kolom": state, "na": rows[-1].reference}
    return str(request.app.router["board_more"].url_for().with_query(query))
