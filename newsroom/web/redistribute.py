"""Dividing work anew: a proposal that can be changed, one button that gives it all, and one that takes it back.

Each conversation is given by the verb `assign`, which only does so while it is still where the page says.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from newsroom import action, board, redistribution, report
from newsroom.action import Result
from newsroom.redistribution import MOST
from newsroom.triage import Wrong
from newsroom.web import fields
from newsroom.web.actions import refused, sentence
from newsroom.web.fields import Fields
from newsroom.web.keys import BELL, SCOPE, now
from newsroom.web.queue import names_of
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.visitor import counted, seen

STAYS = "-"  # in the place of an account: leave it where it is


def routes(add: Routes) -> None:
    add.page("GET", "/wachtrij/herverdeel", show, "triage", name="redistribute")
    add.page("POST", "/wachtrij/herverdeel", give, "triage")
    add.page("POST", "/wachtrij/herverdeel/terug", undo, "triage", name="redistribute_undo")


@dataclass(frozen=True, slots=True)
class Move:
    """One conversation from one person to another; 0 is nobody."""

    reference: str
    was: int
    to: int


async def show(request: web.Request) -> web.Response:
    """Who could take what. `van` is a person, 0 for what nobody has; without it the whole team."""
    whose = request.query.get("van", "")
    who = int(whose) if whose.isascii() and whose.isdecimal() and len(whose) < 10 else None
    async with counted(request).snapshot() as connection:
        names, norm = await board.names(connection), await redistribution.norm(connection)
        work = await report.work(connection, report.classes(request[SCOPE]), now(request))
        staff = await redistribution.people(connection, work, now(request))
        found = await redistribution.proposal(connection, request[SCOPE], who, staff, norm, now(request))
    return page(request, "queue/redistribute.html", proposal=found, who=who, names=names, names_of=names_of, norm=norm,
                given=sum(one.to is not None for one in found), staff={one.id: one for one in staff}, most=MOST,
                key=secrets.token_hex(8), at=now(request))


async def give(request: web.Request) -> web.StreamResponse:
    """Give everything that was chosen, each while it is still where it was."""
    form = await fields.read(request)
    moves = [Move(reference, _id(was), _id(form.text(f"to-{reference}")))
             for item in form.texts("item")[:MOST] for reference, _, was in [item.partition(":")]
             if form.text(f"to-{reference}") not in ("", STAYS)]
    return await _done(request, form, [one for one in moves if one.to != one.was], undone=False)


async def undo(request: web.Request) -> web.StreamResponse:
    """Everything back to who had it, as far as nobody touched it since."""
    form = await fields.read(request)
    moves = [Move(parts[0], _id(parts[1]), _id(parts[2])) for item in form.texts("item")[:MOST]
             if len(parts := item.split(":")) == 3]
    return await _done(request, form, moves, undone=True)


async def _done(request: web.Request, form: Fields, moves: list[Move], undone: bool) -> web.StreamResponse:
    try:
        results = await _give(request, form.text("key"), moves)
    except Wrong as wrong:
        return refused(request, sentence(request, wrong.key, wrong.values),
                       str(request.app.router["queue"].url_for()), 422)
    if any(result.ok for result in results.values()):
        request.app[BELL]()
    done = [one for one in moves if results[one.reference].ok]
    failed = [(one, sentence(request, result.key, result.values)) for one in moves
              if not (result := results[one.reference]).ok]
    async with seen(request).connection() as connection:
        names = await board.names(connection)
    return page(request, "queue/redistributed.html", done=done, failed=failed, names=names, undone=undone,
                key=secrets.token_hex(8), by_person=_by_person(done, names))


async def _give(request: web.Request, key: str, moves: Iterable[Move]) -> dict[str, Result]:
    """The outcome per conversation: one request per pair of people, for what goes the same way."""
    ways: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for one in moves:
        ways[one.was, one.to].append(one.reference)
    found: dict[str, Result] = {}
    for (was, to), references in ways.items():
        for result in await action.act(seen(request), request[SCOPE], key, references, "assign",
                                       {"to": to, "was": was}, now(request)):
            found[result.reference] = result
    return found


def _by_person(done: Iterable[Move], names: board.Names) -> list[tuple[str, int]]:
    counts: dict[int, int] = {}
    for one in done:
        counts[one.to] = counts.get(one.to, 0) + 1
    return sorted((names.accounts.get(id, ("", ""))[0], n) for id, n in counts.items())


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0

