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
    for options in ("costs", "generic_plan")[:1 + general]:
        plan = (await explained(connection, options, query, arguments))["Plan"]
        found |= {node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"}
    return found & set(tables)


async def explained(connection: Connection, options: str, query: str, arguments: Sequence[Any]) -> dict[str, Any]:
    """What the database says of a query: `Plan`, and with the option `analyze` its times in ms."""
    said = await connection.fetchval(f"explain (format json, {options}) {query}", *arguments)
    return (json.loads(said) if isinstance(said, str) else said)[0]


def no_walks(name: str, found: set[str]) -> Figure:
    """The row of the table for `walks_whole`."""
    return shape(name, not found, "by index" if not found else "reads all of " + ", ".join(sorted(found)))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
