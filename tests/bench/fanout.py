"""One changed card to thousands of open boards, beside a server that does nothing but write; and a delivery to the
last of a thousand boards. Server, clients and this bench are three processes."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.bench.figure import Figure, at_least, at_most, cost, percentile
from tests.bench.place import Place

SIZES, SIZES_QUICK = (1000, 5000), (50,)
ROUNDS, ROUNDS_QUICK = {1000: 200, 5000: 60}, 30
TURNS = 3  # ours and the bare server one after the other, so often
GOAL_BARE = 0.8
GOAL_STALLED = 1.1
GOAL_KB = 20
BOARDS, BOARDS_QUICK = 1000, 50
DELIVERIES, DELIVERIES_QUICK = 400, 20
PACE = 20  # deliveries a second
GOAL_MIDDLE_MS, GOAL_LAST_MS = 25, 60


async def run(place: Place, quick: bool) -> list[Figure]:
    """Deliveries a second, cost of each, memory and time to the last socket, by size."""
    figures = []
    for size in SIZES_QUICK if quick else SIZES:
        turns = [(await fan(place, "live", size, quick), await fan(place, "bare", size, quick))
                 for _ in range(1 if quick else TURNS)]
        ours, bare = ([turn[n] for turn in turns] for n in (0, 1))
        name = f"fan-out: {size:,} sockets"
        count = len(ours[0]["times"]) * size
        figures += [
            at_least(f"{name}, deliveries", [speed(one, size) for one in ours], [speed(one, size) for one in bare],
                     GOAL_BARE, "/s"),
            at_beside(f"{name}, processor each", middle(ours, "cpu") / count * 1e6, middle(bare, "cpu") / count * 1e6,
                      "us"),
            cost(f"{name}, memory each", middle(ours, "kb"), GOAL_KB, "KB"),
            at_beside(f"{name}, last has it, p99", p99(ours, "times"), p99(bare, "times"), "ms"),
            at_most(f"{name}, p99 with one stalled", p99(ours, "stalled"), p99(ours, "free"), GOAL_STALLED, "ms")]
    return figures


async def run_delivery(place: Place, quick: bool) -> list[Figure]:
    """From the answer to a delivery until the last board has its card."""
    size, n = (BOARDS_QUICK, DELIVERIES_QUICK) if quick else (BOARDS, DELIVERIES)
    async with server(place, "house") as told:
        found = await crowd("deliver", told | {"size": size, "n": n, "pace": PACE})
    times = [one for one in found["times"] if one is not None]
    name = f"delivery: on the last of {size:,} boards, {PACE}/s"
    return [cost(f"{name}, p50", percentile(times, 50), GOAL_MIDDLE_MS),
            cost(f"{name}, p99", percentile(times, 99), GOAL_LAST_MS),
            Figure("delivery: shown on all boards", f"{len(times)} of {len(found['times'])}",
                   met=len(times) == len(found["times"]), hard=True)]


async def fan(place: Place, kind: str, size: int, quick: bool) -> dict[str, Any]:
    """What the crowd found at one server."""
    async with server(place, kind) as told:
        rounds = ROUNDS_QUICK if quick else ROUNDS[size]
        return await crowd("fan", told | {"size": size, "rounds": rounds, "stall": kind == "live"})


def speed(found: dict[str, Any], size: int) -> float:
    """Deliveries a second while rounds follow each other."""
    return size * len(found["times"]) / sum(found["times"]) * 1000


def middle(found: list[dict[str, Any]], name: str) -> float:
    return statistics.median(one[name] for one in found)


def p99(found: list[dict[str, Any]], name: str) -> float:
    """The middle of the turns' p99."""
    return statistics.median(percentile(one[name], 99) for one in found)


def at_beside(name: str, ours: float, beside: float, unit: str) -> Figure:
    """Two costs side by side, without a verdict."""
    other = cost(name, beside, unit=unit)
    return Figure(name, cost(name, ours, unit=unit).value, other.value, f"{ours / beside:.2f}" if beside else "")


@asynccontextmanager
async def server(place: Place, kind: str) -> AsyncIterator[dict[str, Any]]:
    """A server in a process of its own, with an empty database; what it told."""
    made = await place.fresh()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.serve", kind, made.url,
                                                   stdout=asyncio.subprocess.PIPE)
    try:
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await place.drop(made)


async def crowd(task: str, what: dict[str, Any]) -> dict[str, Any]:
    """The clients in a process of their own; what they found."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.crowd", task, json.dumps(what),
                                                   stdout=asyncio.subprocess.PIPE)
    answer, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the clients of {task} stopped")
    return json.loads(answer)
