"""The action: one address for every verb on cards. JSON for the screens, a form post for who has no JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from newsroom import action, language
from newsroom.action import Result
from newsroom.triage import Wrong
from newsroom.web import fields
from newsroom.web.gate import home, own_path
from newsroom.web.keys import BELL, DATABASE, SCOPE, now
from newsroom.web.render import language_of, page
from newsroom.web.routes import Routes

decode = msgspec.json.Decoder(type=dict).decode
REFUSED = {403: 403, 404: 404, 409: 409}  # of one conversation; anything else is 422


def routes(add: Routes) -> None:
    add.page("POST", "/acties", act, "read", name="actions")


async def act(request: web.Request) -> web.StreamResponse:
    """Do a verb on conversations: `{key, ids, verb, args, each}`, where `each` has arguments by id; or a form with
    `do` or `verb`, `id`, `key` and `back`."""
    if request.content_type != "application/json":
        return await _form(request)
    try:
        wanted = decode(await request.read())
        key, ids, verb, arguments = wanted["key"], wanted["ids"], wanted["verb"], wanted.get("args") or {}
        each = wanted.get("each") or {}
        if not (isinstance(key, str) and isinstance(ids, list) and isinstance(arguments, dict)
                and isinstance(each, dict) and all(isinstance(one, dict) for one in each.values())):
            raise TypeError
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeError) as error:
        raise web.HTTPBadRequest from error
    try:
        results = await _do(request, key, [str(id) for id in ids], str(verb), arguments, each)
    except Wrong as wrong:
        return web.json_response({"error": sentence(request, wrong.key, wrong.values)}, status=422)
    status = 200 if len(results) > 1 or results[0].ok else REFUSED.get(results[0].status, 422)
    return web.json_response({"results": [_told(request, result) for result in results]}, status=status)


async def _form(request: web.Request) -> web.StreamResponse:
    form = await fields.read(request)
    back = await own_path(request, form.text("back")) or home(request)
    verb, id, key, arguments = _asked(form)
    try:
        result = (await _do(request, key, [id], verb, arguments))[0]
    except Wrong as wrong:
        result = Result(id, 422, key=wrong.key, values=wrong.values)
    if result.ok:
        raise web.HTTPSeeOther(back)
    return refused(request, sentence(request, result.key, result.values), back,
                   REFUSED.get(result.status, 422))


def refused(request: web.Request, text: str, back: str, status: int = 409) -> web.Response:
    """The page that says why something was not done, with the way back."""
    return page(request, "board/refused.html", status, text=text, back=back)


def sentence(request: web.Request, key: str, values: Mapping[str, Any]) -> str:
    """A refusal in the visitor's language."""
    return language.text(language_of(request), key, **values)


async def _do(request: web.Request, key: str, ids: list[str], verb: str, arguments: Mapping[str, Any],
              each: Mapping[str, Mapping[str, Any]] | None = None) -> list[Result]:
    results = await action.act(request.app[DATABASE], request[SCOPE], key, ids, verb, arguments, now(request), each)
    if any(result.ok for result in results):
        request.app[BELL]()
    return results


def _told(request: web.Request, result: Result) -> dict[str, Any]:
    told = {"id": result.reference, "ok": result.ok, "status": result.status, "version": result.version}
    return told if result.ok else told | {"key": result.key, "error": sentence(request, result.key, result.values)}


def _asked(form: fields.Fields) -> tuple[str, str, str, dict[str, Any]]:
    """The verb, the reference, the key and the arguments of a form. `do` is "claim REFERENCE VERSION", or with a
    person after it: one button serves everybody, and the version makes one click one action."""
    if form.text("do"):
        verb, reference, version, to = (form.text("do").split() + ["", "", "", ""])[:4]
        return verb, reference, f"{verb}-{version}", {"to": to} if to else {}
    names = ("to", "was", "reason", "last", "note", "department", "until", "block", "message", "accept")
    arguments: dict[str, Any] = {name: form.text(name) for name in names if form.text(name)}
    if form.text("verb") == "label":
        chosen, had = set(form.numbers("label")), set(form.numbers("had"))
        arguments = {"add": sorted(chosen - had), "remove": sorted(had - chosen)}
    return form.text("verb"), form.text("id"), form.text("key"), arguments
