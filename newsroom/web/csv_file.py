"""A table as a file for a spreadsheet: UTF-8 with a mark at its beginning, semicolons, and no cell that runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from aiohttp import web

from newsroom.language import AMSTERDAM

# a spreadsheet takes what begins so for a formula; the wide forms too (OWASP, CSV injection)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MARK = "\ufeff"  # without it Excel reads other letters than ours


def answer(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> web.Response:
    """The download. `name` is without its ending."""
    return web.Response(body=text(head, rows).encode(), content_type="text/csv", charset="utf-8",
                        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})


def text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The whole file."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerows([cell(value) for value in row] for row in (head, *rows))
    return MARK + out.getvalue()


def cell(value: object) -> str:
    """One value. Text that would be a formula gets an apostrophe before it, as spreadsheets know it; a moment is
    written as it is here, year first, so that it sorts."""
    match value:
        case None:
            return ""
        case datetime():
            return f"{value.astimezone(AMSTERDAM):%Y-%m-%d %H:%M}"
        case int():
            return str(value)
    found = str(value).replace("\0", "")
    return "'" + found if found.lstrip(" \u00a0").startswith(FORMULA) else found
