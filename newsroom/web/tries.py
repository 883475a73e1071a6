"""How often a password may be tried. Wrong tries count; a right one is given back.

The wait grows (a minute, a quarter, an hour) and always ends. Strangers cannot lock somebody out: the narrow limit is
per account and place together, and the wide one per account lets through places where this person was before.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from aiohttp import web

from newsroom import audit, limit
from newsroom.limit import Limit
from newsroom.web.keys import ADDRESS, DATABASE, now
from newsroom.web.visitor import network_of

HERE = (Limit(5, 60), Limit(10, 900), Limit(20, 3600))  # one account from one place
PLACE = (Limit(10, 60), Limit(100, 3600))  # one place, all accounts: an office behind one address mistypes less
ANYWHERE = (Limit(100, 3600),)  # one account from all places together
KNOWN = timedelta(days=30)  # how long a place stays known
LETTERS = (Limit(3, 3600),)  # mails with a link to one address
ASKS = (Limit(5, 60), Limit(30, 3600))  # such requests from one place


async def start(request: web.Request, email: str) -> int:
    """Count a try. Returns 0, or the seconds to wait. What one limit refuses does not count for the next: one person
    who goes on guessing does not keep colleagues in the same office out."""
    at, place = now(request), network_of(request[ADDRESS])
    here, office, anywhere = _keys(email, place)
    async with request.app[DATABASE].connection() as connection:
        wait = await limit.take(connection, *here, at) or await limit.take(connection, *office, at)
        if wait:
            return wait
        wait = await limit.take(connection, *anywhere, at)
        return 0 if wait and await audit.known_place(connection, email, place, at - KNOWN) else wait


async def right(request: web.Request, email: str) -> None:
    """The password was right: this try does not count."""
    async with request.app[DATABASE].connection() as connection:
        for key, limits in _keys(email, network_of(request[ADDRESS])):
            await limit.give_back(connection, key, limits, now(request))


async def ask_letter(request: web.Request, email: str) -> bool:
    """Whether a mail with a link may be asked for. The answer on the page is the same."""
    at, place = now(request), network_of(request[ADDRESS])
    async with request.app[DATABASE].connection() as connection:
        waits = [await limit.take(connection, f"letter:{_digest(email)}", LETTERS, at),
                 await limit.take(connection, f"ask:{place}", ASKS, at)]
    return max(waits) == 0


def _keys(email: str, place: str) -> list[tuple[str, tuple[Limit, ...]]]:
    who = _digest(email)
    return [(f"sign-in:{who}:{place}", HERE), (f"sign-in:{place}", PLACE), (f"sign-in:{who}", ANYWHERE)]


def _digest(email: str) -> str:
    """The table of tries need not hold addresses."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]
