"""Quick entry: what somebody asks on the telephone, at the counter or on paper becomes a conversation like any other.

What is entered is a delivery under the key of the form, so pressing twice gives one conversation. Scans wait where
files of forms wait, under a key of the person who enters.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from aiohttp import web

from connectors import Delivery, DeliveryKey
from connectors.desk import CONTENT_TYPE, Entry, body
from connectors.web_form.values import email_address, phone_number
from newsroom import access, account, board, contact, desk, form_file, report, team
from newsroom.access import Scope
from newsroom.board import ZONE
from newsroom.contact import Found
from newsroom.conversation import PRIORITIES
from newsroom.database import Connection
from newsroom.desk import DeskChannel
from newsroom.form_file import FormFile
from newsroom.web import fields, limits
from newsroom.web.board import choices
from newsroom.web.fields import Fields
from newsroom.web.keys import ACCOUNT, SCOPE, WRITER, now
from newsroom.web.public.upload import kind_of, safe_name
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

WHERE = ("triage", "me", "colleague", "answered")  # what becomes of it at once
TEXTS = ("client_id", "channel", "name", "phone", "email", "subject", "text", "written", "where", "assignee", "team",
         "priority", "answer", "reason", "contact", "search")
KEY = re.compile(r"[0-9a-f]{32}")
SCANS = re.compile(r"application/pdf|image/(jpeg|png|gif|webp|heic|heif|avif)")
LONGEST = {"name": 200, "subject": 200}  # characters


def routes(add: Routes) -> None:
    add.page("GET", "/invoer", show, "work", name="entry")
    add.page("POST", "/invoer", enter, "work", most_bytes=limits.ENTRY_BODY_BYTES)
    add.page("GET", "/invoer/contacten", find, "work", name="entry_contacts")


@dataclass(slots=True)
class Draft:
    """The form as it stands: `given` are its texts, `files` the scans that wait, `problems` {field: catalogue key}."""

    given: dict[str, str]
    files: tuple[FormFile, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    found: Sequence[Found] | None = None

    def text(self, name: str) -> str:
        return self.given.get(name, "").strip()

    def number(self, name: str) -> int:
        text = self.text(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0

    def wrong(self, name: str, key: str, /, **values: Any) -> None:
        self.problems.setdefault(name, key)
        self.values |= values


async def show(request: web.Request) -> web.Response:
    """An empty form, or the receipt of what was just entered."""
    reference = request.query.get("klaar", "")
    if re.fullmatch(r"[0-9A-Z]{10}", reference):
        return page(request, "entry/done.html", number=reference)
    return await _form(request, Draft({**dict.fromkeys(TEXTS, ""), "client_id": secrets.token_hex(16)}))


async def find(request: web.Request) -> web.Response:
    """People by name, telephone number or address, for who types; addresses are masked."""
    words = request.query.get("q", "")
    async with seen(request).connection() as connection:
        found = await _search(connection, request[SCOPE], words)
    return web.json_response({"found": [
        {"id": one.id, "name": one.name, "n": one.n,
         "addresses": [contact.masked(address) for _, address in one.identities]} for one in found]})


async def enter(request: web.Request) -> web.StreamResponse:
    """Store it, or give the form again with what is wrong and all that was filled in."""
    post = await request.post()
    draft = Draft(fields.Fields(post).all(*TEXTS))
    if not KEY.fullmatch(draft.text("client_id")):
        draft.given["client_id"] = secrets.token_hex(16)
    form = Fields(post)
    await _keep_scans(request, draft, form, post.getall("files", []))
    verb, _, which = form.text("do").partition("-")
    if verb == "search":
        async with seen(request).connection() as connection:
            draft.found = await _search(connection, request[SCOPE], draft.text("search"))
        return await _form(request, draft)
    if verb == "drop":
        await _drop_scan(request, draft, which)
        return await _form(request, draft)
    return await _store(request, draft)


async def _store(request: web.Request, draft: Draft) -> web.StreamResponse:
    async with seen(request).connection() as connection:
        channels = await desk.channels(connection)
        channel = next((one for one in channels if one.id == draft.number("channel")), None)
        entry = await _entry(connection, request, draft, channel)
        meta = await _meta(connection, request, draft, channel)
        contents = await form_file.contents(connection, _file_key(request, draft), [one.id for one in draft.files])
    if draft.problems or channel is None:
        return await _form(request, draft, 422)
    scans = [(one.name, one.type, contents[one.id]) for one in draft.files if one.id in contents]
    key = DeliveryKey(f"desk:{draft.text('client_id')}")
    made = Delivery(key, body(entry, scans), now(request), CONTENT_TYPE, meta)
    receipt = await request.app[WRITER].put(channel.id, made)
    if receipt.differs:
        draft.wrong("text", "wrong.entered_before", reference=receipt.reference)
        return await _form(request, replace_key(draft), 409)
    raise web.HTTPSeeOther(str(request.app.router["entry"].url_for().with_query(klaar=receipt.reference)))


def replace_key(draft: Draft) -> Draft:
    """The changed text may be entered as another conversation."""
    return replace(draft, given={**draft.given, "client_id": secrets.token_hex(16)}, files=())


async def _entry(connection: Connection, request: web.Request, draft: Draft, channel: DeskChannel | None) -> Entry:
    """What is stored. Everything that is wrong is noted in the draft."""
    if channel is None:
        draft.wrong("channel", "wrong.entry_channel")
    text, answer = draft.text("text"), draft.text("answer") if draft.text("where") == "answered" else ""
    if not text and not draft.files:
        draft.wrong("text", "wrong.entry_text")
    for name, most in LONGEST.items():
        if len(draft.text(name)) > most:
            draft.wrong(name, "wrong.too_long", most=most)
    known = await contact.addresses(connection, sorted(request[SCOPE].classes), draft.number("contact"))
    email, phone = draft.text("email"), draft.text("phone")
    if email and not email_address(email):
        draft.wrong("email", "wrong.email")
    if phone and not phone_number(phone):
        draft.wrong("phone", "wrong.phone")
    written = _written(draft, channel, now(request))
    return Entry(text=text, by=request[ACCOUNT].name, subject=draft.text("subject"),
                 name=" ".join(draft.text("name").split()), answer=answer,
                 email=email_address(email) or known.get("email", ""), written_at=written,
                 phone=phone_number(phone) or known.get("phone", ""))


def _written(draft: Draft, channel: DeskChannel | None, at: datetime) -> str:
    """From when a letter counts: the beginning of the day that is on it, where the municipality is."""
    if not draft.text("written") or channel is None or channel.medium != "post":
        return ""
    today = board.day_start(at)
    try:
        day = date.fromisoformat(draft.text("written"))
    except ValueError:
        day = date.min
    if not today - timedelta(days=limits.ENTRY_YEAR_DAYS) <= day <= today:
        draft.wrong("written", "wrong.written")
        return ""
    return datetime.combine(day, time(), ZONE).isoformat()


async def _meta(connection: Connection, request: web.Request, draft: Draft,
                channel: DeskChannel | None) -> dict[str, str]:
    """What becomes of it, for the intake."""
    teams = {one.id: one for one in await team.active(connection)}
    wanted = draft.number("team") if draft.number("team") in teams else 0
    home = wanted or (channel.team_id if channel else None) or 0
    seen = access.visibility(0, home, home in teams and teams[home].restricted, False)
    assignee, closed = await _whose(connection, request, draft, seen), ""
    if draft.text("where") == "answered":
        closed = str(draft.number("reason") or "")
        if draft.number("reason") not in (await board.names(connection)).reasons:
            draft.wrong("reason", "wrong.reason")
        if not draft.text("answer"):
            draft.wrong("answer", "wrong.entry_answer")
    priority = draft.number("priority") if draft.number("priority") in PRIORITIES.values() else 1
    dated = "1" if draft.text("written") and channel and channel.medium == "post" else ""
    meta = {"entered": str(request[SCOPE].account_id), "team": str(wanted or ""), "priority": str(priority),
            "assignee": str(assignee or ""), "closed": closed, "dated": dated}
    return {name: value for name, value in meta.items() if value}


async def _whose(connection: Connection, request: web.Request, draft: Draft, seen: str) -> int | None:
    """Who gets it: only who may work on it."""
    match draft.text("where"):
        case "me" | "answered":
            scope: Scope | None = request[SCOPE]
        case "colleague":
            scope = await access.scope(connection, draft.number("assignee"))
        case _:
            return None
    if scope is None or not scope.may("work") or not scope.sees(seen):
        draft.wrong("assignee", "wrong.assignee")
        return None
    return scope.account_id


async def _search(connection: Connection, scope: Scope, words: str) -> list[Found]:
    return await contact.search(connection, report.classes(scope), words, phone_number(words))


async def _keep_scans(request: web.Request, draft: Draft, form: Fields, chosen: Sequence[Any]) -> None:
    """Those that waited, and those that came now. A type is what is in the file, never its name."""
    draft.files = tuple(_waiting(form.texts("file")))
    key = _file_key(request, draft)
    async with seen(request).connection() as connection:
        kept = await form_file.contents(connection, key, [one.id for one in draft.files])
        if len(kept) < len(draft.files):
            draft.wrong("files", "wrong.scan_gone")
        draft.files = tuple(replace(one, size=len(kept[one.id]), type=kind_of(kept[one.id]) or one.type)
                            for one in draft.files if one.id in kept)
        for one in chosen:
            if not isinstance(one, web.FileField) or not one.filename:
                continue
            content, name = one.file.read(), safe_name(one.filename)
            if problem := _unfit(content, draft.files):
                draft.wrong("files", problem, name=name)
                continue
            try:
                draft.files += (await form_file.stage(connection, key, "scan", name, kind_of(content), content,
                                                      now(request)),)
            except form_file.Full:
                draft.wrong("files", "wrong.scans_full", name=name)


def _unfit(content: bytes, have: Sequence[FormFile]) -> str:
    if len(have) >= limits.ENTRY_FILES:
        return "wrong.scans_many"
    if len(content) > limits.ENTRY_FILE_BYTES or \
            len(content) + sum(one.size for one in have) > limits.ENTRY_FILES_BYTES:
        return "wrong.scan_large"
    return "" if SCANS.fullmatch(kind_of(content)) else "wrong.scan_kind"


def _waiting(texts: Sequence[str]) -> list[FormFile]:
    """Scans that wait, as the page names them: "id:name"."""
    pairs = [text.partition(":") for text in texts[:limits.ENTRY_FILES]]
    return [FormFile(int(id), "scan", safe_name(name), "", 0) for id, _, name in pairs
            if id.isascii() and id.isdecimal() and len(id) < 18]


async def _drop_scan(request: web.Request, draft: Draft, which: str) -> None:
    gone = [one for one in draft.files if str(one.id) == which]
    draft.files = tuple(one for one in draft.files if one not in gone)
    for one in gone:
        async with seen(request).connection() as connection:
            await form_file.drop(connection, _file_key(request, draft), one.id)


def _file_key(request: web.Request, draft: Draft) -> str:
    return f"entry:{request[SCOPE].account_id}:{draft.text('client_id')}"


async def _form(request: web.Request, draft: Draft, status: int = 200) -> web.Response:
    async with seen(request).snapshot() as connection:
        channels, names = await desk.channels(connection), await board.names(connection)
        people = await account.everyone(connection)
        chosen = await contact.addresses(connection, report.classes(request[SCOPE]), draft.number("contact"))
    given: Mapping[str, str] = draft.given
    answered = next((id for id, reason in names.reasons.items() if reason[2] == "answered"), None)
    return page(request, "entry/form.html", status, draft=draft, given=given, channels=channels, where=WHERE,
                chosen={kind: contact.masked(address) for kind, address in chosen.items()}, today=board.day_start(
                    now(request)), answered=answered, choices=choices(request, names, people), priorities=PRIORITIES)
