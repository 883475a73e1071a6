"""`python -m tests.bench [--quick] [NAME...]`: measure, print one table, and fail when a ratio, a growth or a plan is
not what it should be."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.bench import chats, columns, fanout, receipt, road, screen, searching, weight
from tests.bench.figure import Figure, table
from tests.bench.place import place

# the road last: it leaves messages in the past that the others share
BENCHES = {"chat": chats.run, "receipt": receipt.run, "fan-out": fanout.run, "delivery": fanout.run_delivery,
           "screen": screen.run, "weight": weight.run, "board": columns.run, "search": searching.run, "road": road.run}


async def measure(names: list[str], quick: bool) -> list[Figure]:
    """The figures of these benches, one after the other on one server."""
    figures: list[Figure] = []
    async with place() as here:
        for name in names:
            start = time.perf_counter()
            print(f"{name} ...", flush=True)
            figures += await BENCHES[name](here, quick)
            print(f"  {time.perf_counter() - start:.0f} s", flush=True)
    return figures


def main() -> int:
    """Returns 1 when a figure failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="a little of everything, to see that it runs; its figures say nothing and cannot fail")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHES)}; else all")
    asked = parser.parse_args()
    if unknown := set(asked.names) - BENCHES.keys():
        parser.error(f"no bench called {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    figures = asyncio.run(measure(asked.names or list(BENCHES), asked.quick))
    print("\n" + table(figures))
    failed = [figure.name for figure in figures if figure.hard and figure.met is False]
    print("\nFAILED: " + "; ".join(failed) if failed else "\nEvery ratio, growth and plan is as it should be.")
    return bool(failed) and not asked.quick


if __name__ == "__main__":
    sys.exit(main())
