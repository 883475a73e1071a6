"""How a public page is made: language and frame from its address, colours and links from the house style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from aiohttp import web

from newsroom import form, language, opening, theme
from newsroom.form import Served, in_language
from newsroom.language import AMSTERDAM, text
from newsroom.opening import Opening
from newsroom.theme import Theme
from newsroom.web.errors import is_database_gone
from newsroom.web.keys import DATABASE, RENDER, SETTINGS, now
from newsroom.web.security import PUBLIC, policy

KNOWN_SECONDS = 1.0  # how old a form may be; while the database is away it may be older
MOST_KNOWN = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """A form with the house style it is shown in, and whether its channel is open."""

    served: Served
    theme: Theme
    opening: Opening = Opening()


class Forms:
    """The forms that were asked for lately, so that a page can still be shown while the database is away."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Shown]] = {}

    async def find(self, request: web.Request) -> Shown | None:
        """The form at this address, or None."""
        slug = request.match_info["slug"]
        known = self._known.get(slug)
        if known and monotonic() - known[0] < KNOWN_SECONDS:
            return known[1]
        try:
            async with request.app[DATABASE].connection() as connection:
                served, colours = await form.find(connection, slug), await theme.load(connection)
                opened = await opening.of(connection, served.form.channel_id, now(request)) if served else Opening()
        except Exception as error:
            if known and is_database_gone(error):
                return known[1]
            raise
        if served is None:
            self._known.pop(slug, None)
            return None
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[slug] = (monotonic(), Shown(served, colours, opened))
        return self._known[slug][1]


def page(request: web.Request, template: str, shown: Shown | None, status: int = 200, style: Theme | None = None,
         **values: Any) -> web.Response:
    """A public page. `style` is the house style where no form brings it. Every template has `said(text)` for the half
    of a text in its language, and `other` for the same page in another language."""
    speech = language_of(request)
    origins: Sequence[str] = shown.served.allowed_origins if shown else ()
    ancestors = ("'self'", *request.app[SETTINGS].frame_ancestors, *origins)
    csp = policy(request.app[SETTINGS], {**PUBLIC, "frame-ancestors": " ".join(ancestors)})
    style = style or (shown.theme if shown else Theme())
    body = request.app[RENDER].text(
        f"public/{template}", speech, said=lambda words: in_language(words, speech), framed=_framed(request),
        opening=shown.opening if shown else Opening(), moment=say_moment,
        scheme=scheme(request), form=shown.served.form if shown else None, action=address(request),
        other=address(request, taal="nl" if speech == "en" else "en"), other_language="nl" if speech == "en" else "en",
        menu=theme.links([in_language(line, speech) for line in style.menu]),
        footer=theme.links([in_language(line, speech) for line in style.footer]), now=now(request), **values)
    # a page in a frame is loaded by another site
    return web.Response(text=body, status=status, content_type="text/html", charset="utf-8",
                        headers={"Content-Security-Policy": csp, "Cross-Origin-Resource-Policy": "cross-origin",
                                 "Content-Language": speech})


def address(request: web.Request, **changes: str) -> str:
    """This page, with its language and frame; `changes` replace parts of the query."""
    kept = {name: request.query[name] for name in ("taal", "kader", "kleuren") if name in request.query}
    wanted = {name: value for name, value in (kept | changes).items() if (name, value) != ("taal", "nl")}
    return str(request.rel_url.with_query(wanted))


def language_of(request: web.Request) -> str:
    """Dutch, unless the address asks for another language that we have."""
    wanted = request.query.get("taal", "")
    return wanted if wanted in language.LANGUAGES else language.LANGUAGES[0]


def say_moment(at: datetime, speech: str) -> str:
    """ "woensdag 25 november om 17:00 uur" """
    local = at.astimezone(AMSTERDAM)
    return text(speech, "public.moment", weekday=text(speech, f"weekday.{local.weekday()}"), day=local.day,
                month=text(speech, f"month.{local.month}"), time=f"{local:%H:%M}")


async def style_sheet(request: web.Request) -> web.Response:
    """The colours of the house, over the neutral ones."""
    async with request.app[DATABASE].connection() as connection:
        found = await theme.load(connection)
    body = request.app[RENDER].text("public/theme.css", "nl", light=theme.light(found), dark=theme.dark(found))
    return web.Response(text=body, content_type="text/css", charset="utf-8",
                        headers={"Cache-Control": "public, max-age=60"})


def _framed(request: web.Request) -> bool:
    return request.query.get("kader") == "1"


def scheme(request: web.Request) -> str:
    """A site that is always light asks for it; otherwise the visitor's own choice counts."""
    return {"licht": "light", "donker": "dark"}.get(request.query.get("kleuren", ""), "auto")
