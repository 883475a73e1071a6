"""The statements that every public page links to, on privacy, accessibility, and objections and complaints: the
municipality's own, or ours."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from newsroom import theme
from newsroom.form import in_language
from newsroom.language import text
from newsroom.web.keys import DATABASE, SETTINGS
from newsroom.web.public.pages import language_of, page
from newsroom.web.routes import Routes
from newsroom.web.security import PUBLIC

PATHS = {"privacy": "/privacy", "accessibility": "/toegankelijkheid", "objection": "/bezwaar-en-klacht"}


def routes(add: Routes) -> None:
    for name, path in PATHS.items():
        add.page("GET", path, partial(show, name), "public", name=f"public_{name}", csp=PUBLIC)


async def show(name: str, request: web.Request) -> web.Response:
    """One statement: a line beginning with # is a heading, one that ends with an address is a link."""
    async with request.app[DATABASE].connection() as connection:
        style = await theme.load(connection)
    speech = language_of(request)
    own = [in_language(line, speech) for line in getattr(style, name)]
    lines = own or text(speech, f"statement.{name}.text", name=request.app[SETTINGS].organisation).split("\n")
    return page(request, "statement.html", None, style=style, name=name,
                parts=[_part(line.strip()) for line in lines if line.strip()])


def _part(line: str) -> tuple[str, str, str]:
    """(kind, words, address) of a line."""
    if line.startswith("#"):
        return "heading", line.lstrip("# "), ""
    words, _, address = line.rpartition(" ")
    return ("link", words, address) if words and address.startswith("https://") else ("text", line, "")
