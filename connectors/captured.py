"""Captured payloads: the files that the contract suite reads, and hostile ones that are made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors import Delivery, DeliveryKey

AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)  # when a raw file was received
FORMS = ("A payload is a raw file as the source sent it, with any suffix but .json, or a .json file with `key`, "
         "`received_at` (a moment with its offset) and either `body` (JSON) or `raw` (text), and perhaps `source` or "
         "`meta`.")
HOSTILE = ("nul \0, half an emoji \ud83d", None, -7, [], {"x": []})  # in the place of each value of a JSON payload
MOST_PLACES = 60  # of one payload that get a hostile value
SKIPPED = (".py", ".pyc")


class NoPayload(Exception):
    """A file that cannot be used. The text says which, why, and what a payload looks like."""

    def __init__(self, path: Path, why: str):
        super().__init__(f"{path}: {why}\n{FORMS}")


def read(folder: Path) -> list[Delivery]:
    """What is in the folder and the folders in it, by path. Raises `NoPayload`.

    Left out are Python, hidden files, and a .json file beside a raw one of the same name: what that should give.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in SKIPPED
             and not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    raw = {path.with_suffix("") for path in files if path.suffix != ".json"}
    found = [_case(path) if path.suffix == ".json" else Delivery(DeliveryKey(path.stem), path.read_bytes(), AT)
             for path in files if path.suffix != ".json" or path.with_suffix("") not in raw]
    if not found:
        raise NoPayload(folder, "no payloads.")
    return found


def hostile(delivery: Delivery) -> Iterator[Delivery]:
    """The delivery cut off, with NULs, and when it is JSON with a hostile value in each place."""
    body = delivery.body
    for broken in (body[:len(body) // 2], body.replace(b" ", b"\0"), body.replace(b'"', b"\xff")):
        yield replace(delivery, body=broken)
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return
    for place in list(_places(whole))[:MOST_PLACES]:
        for value in HOSTILE:
            yield replace(delivery, body=json.dumps(_with(whole, place, value)).encode())


def _case(path: Path) -> Delivery:
    try:
        case = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise NoPayload(path, f"no JSON ({error}).") from error
    if not isinstance(case, dict) or not {"key", "received_at"} <= case.keys() or ("raw" in case) == ("body" in case):
        raise NoPayload(path, "no `key`, `received_at` and one of `body` and `raw`.")
    raw = case["raw"] if "raw" in case else json.dumps(case["body"])
    if not isinstance(raw, str) or not isinstance(case["key"], str):
        raise NoPayload(path, "`key` and `raw` are text. What is JSON goes in `body`.")
    try:
        body, at = raw.encode(), datetime.fromisoformat(case["received_at"])
    except (ValueError, TypeError) as error:
        raise NoPayload(path, f"{error}.") from error
    if at.tzinfo is None:
        raise NoPayload(path, "`received_at` has no offset, such as +01:00.")
    meta = ({"source": case["source"]} if case.get("source") else {}) | case.get("meta", {})
    return Delivery(DeliveryKey(case["key"]), body, at, meta=meta)


def _places(value: Any) -> Iterator[tuple]:
    """Where values stand, also those that hold others."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (name,)
        for rest in _places(inner):
            yield (name, *rest)


def _with(whole: Any, place: tuple, value: Any) -> Any:
    if not place:
        return value
    changed = dict(whole) if isinstance(whole, dict) else list(whole)
    changed[place[0]] = _with(whole[place[0]], place[1:], value)
    return changed
