"""The board, my work and the spam folder: pages that the live socket then keeps true."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web
from yarl import URL

from newsroom import account, board, conversation, event, flow, lanes, language, mention, redistribution
from newsroom.access import PERMISSIONS
from newsroom.account import Account
from newsroom.board import STATES, Board, Filter, Names
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.lanes import Lane
from newsroom.web import duty, views
from newsroom.web.board_filter import PARAMETERS, View, layout_of, layouts, read_filter
from newsroom.web.fragments import Fragments, named, times
from newsroom.web.keys import RENDER, SCOPE, now, standing
from newsroom.web.render import language_of, page
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

MORE = 40  # cards that "toon nog" adds
SPAM_ROWS = 200
TEAM = re.compile(r"team-([0-9]{1,9})")  # a column of the layout by team
GROUPS = ("open", "department", "waiting")  # of my work
PRIORITIES = ("low", "normal", "high", "urgent")


def routes(add: Routes) -> None:
    add.page("GET", "/bord", show, "read", name="board")
    add.page("GET", "/bord/nog", more, "read", name="board_more")
    add.page("GET", "/bord/stand", stand, "read", name="board_standing")
    add.page("GET", "/werk", mine, "read", name="mine")
    add.page("GET", "/spam", spam, "read", name="spam")


async def show(request: web.Request) -> web.Response:
    """The board, filtered as the address says."""
    wanted = read_filter(request.query)
    layout = layout_of(request.query)
    async with seen(request).snapshot() as connection:
        teams: list[Lane] = []
        if layout == "teams":
            found, teams = await lanes.read(connection, request[SCOPE], wanted)
        else:
            found = await board.read(connection, request[SCOPE], wanted, now(request))
        names = await board.names(connection)
        norm = await redistribution.norm(connection)
        tabs = await views.of(connection, request, wanted)
        people = await account.everyone(connection)
        hour = await flow.pulse(connection, request[SCOPE], now(request))
        there = await duty.standing(connection, request[SCOPE], now(request))
        todo = await board.todo(connection, request[SCOPE])
    return page(request, "board/board.html", board=found, wanted=wanted, hour=hour, todo=todo, duty=there,
                states=STATES, teams=teams, norm=norm, channels=standing(request.app), views=tabs,
                layout=layout, layouts=layouts(request, wanted),
                filters=_filters(request, wanted, names, people),
                back=request.path_qs, query=request.query_string, choices=choices(request, names, people),
                late=_first(found, 2), soon=_first(found, 1), page_size=lanes.PAGE if teams else board.PAGE,
                rule=View("", wanted, "", 0, True).rule,
                counts_live=sum(n for column, n in found.counts.items() if column != "closed"),
                more_query=_more_queries(request, found),
                **cards(request, names))


async def stand(request: web.Request) -> web.Response:
    """What the menu counts, with the position it belongs to, as JSON: for pages without cards."""
    async with seen(request).snapshot() as connection:
        epoch, position = await event.position(connection)
        todo = await board.todo(connection, request[SCOPE])
    return web.json_response({"epoch": epoch, "position": position, "todo": todo})


async def more(request: web.Request) -> web.Response:
    """The next cards of one column, after the card `na`."""
    state = request.query.get("kolom", "")
    team = TEAM.fullmatch(state)
    if state not in STATES[:4] and not team:
        raise web.HTTPNotFound
    wanted = read_filter(request.query)
    async with seen(request).snapshot() as connection:
        after = await conversation.find(connection, request.query.get("na", ""), request[SCOPE])
        rows = await board.of_team(connection, request[SCOPE], wanted, int(team[1]), after, MORE) if team else \
            await board.more(connection, request[SCOPE], wanted, state, after, MORE)
        names = await board.names(connection)
    say = language.translator(language_of(request))
    title = names.teams.get(int(team[1]), say("filter.no_team")) if team else say(f"state.{state}")
    return page(request, "board/more.html", rows=rows, title=title, following=_more_url(request, state, rows),
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
    """My own work, for the list beside a conversation too: `work` has the cards by group, `work_board` the rest,
    `todo` the counts of the menu."""
    own = Filter(assignees=(request[SCOPE].account_id,))
    found = await board.read(connection, request[SCOPE], own, now(request))
    groups = {state: sorted(found.cards[state], key=by_term) for state in GROUPS}
    return {"work": groups, "work_board": found, "work_rule": View("mine", own, "", 0, True).rule,
            "todo": await board.todo(connection, request[SCOPE]),
            "mentions": await mention.unread(connection, request[SCOPE])}


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
    return min((row for state, rows in found.cards.items() if state != "closed" for row in rows
                if row.lateness == lateness and row.due_at),
               key=lambda row: row.due_at, default=None)  # type: ignore[arg-type, return-value]


def _more_queries(request: web.Request, found: Board) -> dict[str, str]:
    return {state: URL.build(query={**request.query, "kolom": state, "na": rows[-1].reference}).query_string
            for state, rows in found.cards.items() if rows}


def _more_url(request: web.Request, state: str, rows: Sequence[Conversation]) -> str:
    if len(rows) < MORE:
        return ""
    query = {**request.query, "kolom": state, "na": rows[-1].reference}
    return str(request.app.router["board_more"].url_for().with_query(query))
