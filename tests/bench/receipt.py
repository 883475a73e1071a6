"""Receipt: JSON handed over by HTTP and answered after the commit, beside the same server that keeps nothing, and the
same server with one transaction for each request. Server, clients and this bench are three processes."""

from __future__ import annotations

from typing import Any

from tests.bench.fanout import crowd, server
from tests.bench.figure import Figure, amount, at_least, cost, percentile
from tests.bench.place import Place

REQUESTS, REQUESTS_QUICK = 20_000, 200
TURNS = 3
KINDS = ("receive", "receive-nothing", "receive-each")
GOAL_NOTHING = 0.5  # of the server that keeps nothing
GOAL_EACH = 2.5  # times the server with a transaction for each


async def run(place: Place, quick: bool) -> list[Figure]:
    """Answers a second of each server, in turns, and how long one answer takes."""
    turns = [[await post(place, kind, quick) for kind in KINDS] for _ in range(1 if quick else TURNS)]
    ours, nothing, each = ([turn[n]["rate"] for turn in turns] for n in range(len(KINDS)))
    p99 = [percentile(turns[len(turns) // 2][n]["times"], 99) for n in range(len(KINDS))]
    kept = [turn[0]["kept"] for turn in turns]
    sent = REQUESTS_QUICK if quick else REQUESTS
    return [at_least("receipt: beside keeping nothing", ours, nothing, GOAL_NOTHING, "/s"),
            at_least("receipt: beside a transaction each", ours, each, GOAL_EACH, "/s"),
            Figure("receipt: answer, p99", cost("", p99[0]).value, amount(p99[2], "ms") + " each"),
            Figure("receipt: answered and kept", f"{min(kept):,} of {sent:,}", met=min(kept) == sent, hard=True)]


async def post(place: Place, kind: str, quick: bool) -> dict[str, Any]:
    """What the clients of one server found: `rate` a second, `times` in ms, and how many deliveries it `kept`."""
    async with server(place, kind) as told:
        return await crowd("post", told | {"n": REQUESTS_QUICK if quick else REQUESTS})
