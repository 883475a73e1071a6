"""Beheer, forms: make one, change it, look at it, put it on a site; and the house style of all public pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aiohttp import web

from newsroom import answer, change, channel, form, label, team, theme
from newsroom.change import By
from newsroom.conversation import PRIORITIES
from newsroom.database import Connection
from newsroom.form import QUESTION, Form, Served
from newsroom.theme import Theme
from newsroom.web import fields, form_draft
from newsroom.web.keys import ACCOUNT, ADDRESS, DATABASE, SETTINGS, now
from newsroom.web.public.pages import Shown
from newsroom.web.public.pages import page as public_page
from newsroom.web.public.state import begin
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.security import PUBLIC

ONE = r"/beheer/formulieren/{id:\d{1,9}}"


def routes(add: Routes) -> None:
    add.page("GET", "/beheer/formulieren", show_all, "configure", name="admin_forms")
    add.page("GET", "/beheer/formulieren/huisstijl", show_style, "configure", name="admin_form_style")
    add.page("POST", "/beheer/formulieren/huisstijl", save_style, "configure")
    add.page("GET", ONE, show_one, "configure", name="admin_form")
    add.page("POST", ONE, edit, "configure")
    add.page("GET", ONE + "/voorbeeld", preview, "configure", name="admin_form_preview", csp=PUBLIC)


async def show_all(request: web.Request) -> web.Response:
    """All forms, and the way to a new one."""
    async with request.app[DATABASE].connection() as connection:
        found, channels = await form.every(connection), await _channels(connection)
    return page(request, "admin/forms/list.html", forms=found, channels=channels)


async def show_one(request: web.Request) -> web.Response:
    """The editor. Number 0 is a new form: the usual question, to be changed."""
    found = await _form(request)
    return await _editor(request, found, saved="saved" in request.query)


async def edit(request: web.Request) -> web.StreamResponse:
    """Save, or one of the buttons beside a question, which change the page only."""
    old, sent = await _form(request), await fields.read(request)
    draft = form_draft.read(sent, old)
    verb, _, which = sent.text("do").partition("-")
    if verb != "save":
        draft, look = form_draft.moved(draft, verb, int(which) if which.isdigit() and len(which) < 4 else -1)
        return await _editor(request, draft, look=look)
    try:
        async with request.app[DATABASE].transaction() as connection:
            saved = await form.save(connection, draft)
            await change.note(connection, _by(request), "form", saved.id, saved.slug, _facts(old), _facts(saved))
    except form.Wrong as wrong:
        return await _editor(request, draft, wrong.problems)
    raise web.HTTPSeeOther(str(request.app.router["admin_form"].url_for(id=str(saved.id)).with_query(saved="1")))


async def preview(request: web.Request) -> web.Response:
    """Every step of a form on one page, as a resident sees it. Nothing can be sent."""
    found = await _form(request)
    async with request.app[DATABASE].connection() as connection:
        shown = Shown(Served(found, None, ()), await theme.load(connection))
    return public_page(request, "preview.html", shown, state=begin(found.id, found.version, now(request)), wrong={},
                       options=answer.options, files_of=_no_files)


async def show_style(request: web.Request) -> web.Response:
    """The colours and links of the public pages."""
    async with request.app[DATABASE].connection() as connection:
        found = await theme.load(connection)
    return _style(request, found, {}, saved="saved" in request.query)


async def save_style(request: web.Request) -> web.StreamResponse:
    """Set them, when everybody can read them."""
    sent = await fields.read(request)
    wanted = Theme(sent.text("header").strip().lower(), sent.text("action").strip().lower(),
                   *(_lines(sent.text(name)) for name in ("menu", "footer", *theme.STATEMENTS)))
    try:
        async with request.app[DATABASE].transaction() as connection:
            old = await theme.load(connection)
            await theme.save(connection, wanted)
            await change.note(connection, _by(request), "theme", None, "theme",
                              {"header": old.header, "action": old.action},
                              {"header": wanted.header, "action": wanted.action})
    except theme.Wrong as wrong:
        return _style(request, wanted, wrong.problems)
    raise web.HTTPSeeOther(str(request.app.router["admin_form_style"].url_for().with_query(saved="1")))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.splitlines())))


async def _form(request: web.Request) -> Form:
    id = int(request.match_info["id"])
    async with request.app[DATABASE].connection() as connection:
        if id:
            found = await form.get(connection, id)
        else:
            channels = await _channels(connection)
            found = replace(QUESTION, slug="", title="", channel_id=channels[0].id if channels else 0)
    if found is None:
        raise web.HTTPNotFound
    return found


async def _editor(request: web.Request, draft: Form, problems: tuple[form.Problem, ...] = (), look: int = -1,
                  saved: bool = False) -> web.Response:
    async with request.app[DATABASE].connection() as connection:
        channels, teams = await _channels(connection), await team.active(connection)
        labels = [one for one in await label.every(connection) if one.archived_at is None]
    wrong: dict[str, form.Problem] = {}
    for problem in problems:
        wrong.setdefault(problem.part.replace(".", "-").replace("fields-", "f-"), problem)
    opened = {int(name.split("-")[1]) for name in wrong if name.startswith("f-")} | {look}
    return page(request, "admin/forms/edit.html", 422 if problems else 200, form=draft, wrong=wrong, opened=opened,
                saved=saved, channels=channels, teams=teams, labels=labels, types=form.TYPES, roles=form.ROLES,
                priorities=PRIORITIES, rule_of=form_draft.rule_of, in_dutch=lambda text: form.in_language(text, "nl"),
                address=f"{request.app[SETTINGS].address}/formulier/{draft.slug}")


def _style(request: web.Request, found: Theme, wrong: dict[str, str], saved: bool = False) -> web.Response:
    return page(request, "admin/forms/style.html", 422 if wrong else 200, theme=found, wrong=wrong, saved=saved,
                statements=theme.STATEMENTS)


async def _channels(connection: Connection) -> list[channel.Channel]:
    return [one for one in await channel.every(connection) if one.kind == "web_form"]


def _by(request: web.Request) -> By:
    at: datetime = now(request)
    return By(request[ACCOUNT].id, at, request[ADDRESS])


def _facts(of: Form) -> dict:
    """What the log tells of a form: the questions themselves are in its versions."""
    return {"title": of.title, "slug": of.slug, "published": of.published, "channel": of.channel_id,
            "version": of.version}


def _no_files(name: str) -> list:
    return []
