"""The shape of a query's plan: how it walks a table says more than how long it took today."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from newsroom.database import Connection
from tests.bench.figure import Figure, shape


async def walks_whole(connection: Connection, query: str, arguments: Sequence[Any], tables: Sequence[str],
                      general: bool = True) -> set[str]:
    """Which of `tables` are read from begin to end, by the plan for these arguments or, with `general`, by the one
    that the database keeps for any."""
    found = set()
    for options in ("explain (format json) ", "explain (format json, generic_plan) ")[:1 + general]:
        rows = await connection.fetchval(options + query, *arguments)
        plan = json.loads(rows) if isinstance(rows, str) else rows
        found |= {node["Relation Name"] for node in _nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"}
    return found & set(tables)


def no_walks(name: str, found: set[str]) -> Figure:
    """The row of the table for `walks_whole`."""
    return shape(name, not found, "by index" if not found else "reads all of " + ", ".join(sorted(found)))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
