"""Templates to HTML: pages for one person, and fragments that are the same for everybody of one language."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import jinja2
from aiohttp import web

from newsroom import contact, language
from newsroom.settings import Settings, asset_folder
from newsroom.web.assets import Assets
from newsroom.web.gate import home
from newsroom.web.keys import ACCOUNT, REFERENCE, RENDER, SCOPE, now
from newsroom.web.menu import admin, rail


class Render:
    """The templates of one installation. `router` is set by application.make, for `url()`.

    Every template has: t(key, ...), language, static(path), sheets(), url(name, ...), organisation, and the filters
    clock, moment, brief, weekday, day, duration (minutes), number, local_date (of a moment), size (bytes), masked (an
    address), word (of a value that a connector brought: `value|word("problem")`).
    Everything is escaped; an unknown name is an error.
    """

    def __init__(self, settings: Settings, assets: Assets | None = None):
        self.assets = assets or Assets(asset_folder("static"))
        self.router: web.UrlDispatcher | None = None
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(asset_folder("templates")), autoescape=True, auto_reload=False,
            undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._environment.globals.update(static=self.assets.url, sheets=self._sheets, url=self._url,
                                         organisation=settings.organisation, demo="")
        self._environment.filters.update(clock=language.clock, moment=_moment, day=_day, duration=_duration,
                                         brief=_brief, weekday=_weekday, number=_number, local_date=_local_date,
                                         size=_size, masked=contact.masked, word=_word)

    def text(self, template: str, speech: str, **values: Any) -> str:
        """A template in one language, for nobody in particular."""
        return self._environment.get_template(template).render(t=language.translator(speech), language=speech,
                                                               **values)

    def mark_demo(self, path: str) -> None:
        """Staff pages say from now on that nothing here is real, and lead to the page that tells more."""
        self._environment.globals["demo"] = path

    def _url(self, name: str, **parts: Any) -> str:
        assert self.router is not None
        return str(self.router[name].url_for(**{key: str(value) for key, value in parts.items()}))

    def _sheets(self, *names: str) -> Iterable[str]:
        """The style sheets of the staff pages, or the named ones, that exist."""
        wanted = [f"css/{name}.css" for name in names] or [name for name in self.assets.files
                                                           if name.startswith("css/") and name.endswith(".css")
                                                           and not name.startswith("css/public")]
        return [name for name in wanted if name in self.assets.files]


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A page for whoever asks. Adds to the above: account and scope (None when nobody is signed in),
    may(permission), rail, path, reference, now. `todo` is what the rail counts, of a page that stays live."""
    person, scope = request.get(ACCOUNT), request.get(SCOPE)
    menus = {"rail": rail(request, values.get("todo")), "admin_menu": admin(request), "home": home(request),
             "may": scope.may} if scope \
        else {"rail": [], "admin_menu": [], "home": "/", "may": _nothing}
    text = request.app[RENDER].text(template, language_of(request), account=person, scope=scope, path=request.path,
                                    reference=request.get(REFERENCE, ""), now=now(request), **menus, **values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def language_of(request: web.Request) -> str:
    """The person's own choice, else the browser's."""
    person = request.get(ACCOUNT)
    return person.language if person else language.choose(request.headers.get("Accept-Language"))


def say(request: web.Request, key: str, **values: Any) -> str:
    """One sentence in the visitor's language."""
    return language.text(language_of(request), key, **values)


def _nothing(permission: str) -> bool:
    return False


@jinja2.pass_context
def _moment(context: jinja2.runtime.Context, at: datetime) -> str:
    return language.moment(at, context["language"], now=context.get("now") or datetime.now(UTC))


@jinja2.pass_context
def _brief(context: jinja2.runtime.Context, at: datetime) -> str:
    """ "10:42" today, else "23 nov": where there is no room for both."""
    now = context.get("now") or datetime.now(UTC)
    local = at.astimezone(language.AMSTERDAM)
    if local.date() == now.astimezone(language.AMSTERDAM).date():
        return language.clock(at)
    return f"{local.day} {language.text(context['language'], f'month.short.{local.month}')}"


@jinja2.pass_context
def _weekday(context: jinja2.runtime.Context, at: datetime) -> str:
    """ "ma" """
    return language.text(context["language"], f"weekday.short.{at.astimezone(language.AMSTERDAM).weekday()}")


@jinja2.pass_context
def _day(context: jinja2.runtime.Context, on: date) -> str:
    return language.day(on, context["language"])


@jinja2.pass_context
def _duration(context: jinja2.runtime.Context, minutes: float) -> str:
    return language.duration(minutes, context["language"])


@jinja2.pass_context
def _number(context: jinja2.runtime.Context, value: int) -> str:
    return language.number(value, context["language"])


@jinja2.pass_context
def _local_date(context: jinja2.runtime.Context, at: datetime) -> str:
    """ "maandag 23 november 2026", in the Netherlands."""
    local, speech = at.astimezone(language.AMSTERDAM).date(), context["language"]
    return f"{language.text(speech, f'weekday.{local.weekday()}')} {language.day(local, speech)}"


@jinja2.pass_context
def _word(context: jinja2.runtime.Context, value: str, prefix: str) -> str:
    return language.word(context["language"], prefix, value)


def _size(size: int) -> str:
    """ "12 kB", as people read it beside a file's name."""
    return f"{max(size // 1000, 1)} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
