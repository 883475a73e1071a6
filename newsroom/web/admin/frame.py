"""What the pages of Beheer share: who changes something, what is wrong with a form, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from newsroom import language
from newsroom.change import By
from newsroom.web.keys import ACCOUNT, ADDRESS, BELL, now
from newsroom.web.render import language_of, say

PATH = "/beheer"
ID = "{id:[1-9][0-9]{0,8}}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a form: the id of the field, and the sentence in the visitor's language. `label` says in
    the summary which field it is."""

    field: str
    text: str
    label: str = ""


def problem(request: web.Request, field: str, key: str, where: str = "", /, **values) -> Problem:
    """A problem with the sentence of a catalogue key."""
    return Problem(field, say(request, key, **values), where)


def by(request: web.Request) -> By:
    """Who changes the configuration."""
    return By(request[ACCOUNT].id, now(request), request[ADDRESS])


def done(request: web.Request, name: str, saved: str = "saved", **parts: int | str) -> web.HTTPSeeOther:
    """After a commit: tell the boards, and show a page with a message. The message is `saved.<saved>` in the
    catalogue."""
    request.app[BELL]()
    url = request.app.router[name].url_for(**{key: str(value) for key, value in parts.items()})
    return web.HTTPSeeOther(str(url.with_query(saved=saved)))


def notice(request: web.Request, allowed: Sequence[str] = ("saved",)) -> str:
    """The message of the page before, or nothing: an address cannot put words in our mouth."""
    saved = request.query.get("saved", "")
    return say(request, f"saved.{saved}") if saved in allowed else ""


def word(request: web.Request, prefix: str, value: str) -> str:
    """The catalogue's word for a value that a connector or setting brought, or the value itself."""
    return language.word(language_of(request), prefix, value)
