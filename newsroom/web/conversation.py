"""The conversation: its thread, the composer, and who the resident is."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from newsroom import (
    account,
    audit,
    board,
    canned,
    chat,
    contact,
    conversation,
    draft,
    event,
    lanes,
    mention,
    message,
    redistribution,
    reply,
)
from newsroom.access import Forbidden
from newsroom.board import Names
from newsroom.conversation import Conversation
from newsroom.database import RETRY, Connection, take_wall_down
from newsroom.message import Message
from newsroom.triage import By, Conflict, Wrong
from newsroom.web import fields, reply_form
from newsroom.web.actions import refused, sentence
from newsroom.web.board import Drawn, cards, choices, work
from newsroom.web.fragments import Fragments, kind_icon, named
from newsroom.web.gate import wants_page
from newsroom.web.keys import ADDRESS, BELL, RENDER, SCOPE, now
from newsroom.web.render import language_of, page
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

REFERENCE = r"{reference:[0-9A-Z-]{1,20}}"
BODY_BYTES = 30 << 20  # of an answer with its attachments; the channel's own limit is told in words
MOST_CANNED = 20  # canned answers in one answer that are counted
TRIES = 5  # against a deadlock


def routes(add: Routes) -> None:
    one = f"/gesprek/{REFERENCE}"
    add.page("GET", one, show, "read", name="conversation", csp={"frame-ancestors": "'self'"})  # beside the board
    add.page("POST", one + "/antwoord", answer, "work", name="answer", most_bytes=BODY_BYTES)
    add.page("POST", one + "/notitie", note, "work", name="note")
    add.page("POST", one + "/concept", keep_draft, "work", name="draft")
    add.page("POST", one + "/annuleer", cancel, "work", name="cancel")
    add.page("POST", one + "/opnieuw", send_again, "work", name="send_again")
    add.page("POST", one + "/aangekomen", mark_sent, "work", name="mark_sent")
    add.page("POST", one + "/adres", show_address, "read", name="show_address")


async def show(request: web.Request) -> web.Response:
    """The whole conversation; `?blad=1`: as it stands beside the board."""
    return await _page(request, 200)


async def answer(request: web.Request) -> web.StreamResponse:
    """Queue an answer. Refused: the page again with the words still in it, or the reason as JSON."""
    post = await request.post()
    form = fields.Fields(post)
    given = {**form.all("to", "cc", "then", "how", "subject"), "text": reply_form.long_text(post, "text")}

    async def run(connection: Connection, row: Conversation, by: By) -> int:
        composed = reply_form.composed(post, form)
        if (how := form.text("how")) not in ("", "mail"):
            id = await reply.told(connection, row, by, composed, how)
        elif found := await reply_form.via(request, connection, row):
            id = await reply.answer(connection, row, by, composed, found[1])
        else:
            raise Wrong("wrong.no_sending")
        await canned.count(connection, sorted({*form.numbers("canned")[:MOST_CANNED]}))
        await draft.forget(connection, row.id, request[SCOPE].account_id, "answer")
        return id

    return await _done(request, run, given)


async def note(request: web.Request) -> web.StreamResponse:
    """Add a note."""
    post = await request.post()
    form = fields.Fields(post)
    text = reply_form.long_text(post, "text")

    async def run(connection: Connection, row: Conversation, by: By) -> int:
        id = await reply.note(connection, row, by, text, form.text("client_id")[:64])
        row = (await conversation.lock(connection, [row.id]))[row.id]
        await mention.tell(connection, row, by, request[SCOPE], id, text)
        await draft.forget(connection, row.id, request[SCOPE].account_id, "note")
        return id

    return await _done(request, run, {"note": text})


async def keep_draft(request: web.Request) -> web.Response:
    """Keep what is being written, `text` of `kind`; an empty text forgets it."""
    post = await request.post()
    kind, text = str(post.get("kind", "")), reply_form.long_text(post, "text")
    async with seen(request).transaction() as connection:
        row = await conversation.find(connection, request.match_info["reference"], request[SCOPE])
        if kind not in draft.KINDS:
            raise web.HTTPBadRequest
        await draft.keep(connection, row.id, request[SCOPE].account_id, kind, text, now(request))
    return web.json_response({"ok": True})


async def cancel(request: web.Request) -> web.StreamResponse:
    """Take a held answer back. Its words come back into the composer."""
    return await _resolve(request, reply.cancel, "conflict.on_its_way")


async def send_again(request: web.Request) -> web.StreamResponse:
    """Send a failed or uncertain answer once more."""
    return await _resolve(request, reply.send_again, "conflict.resolved")


async def mark_sent(request: web.Request) -> web.StreamResponse:
    """An uncertain answer did arrive."""
    return await _resolve(request, reply.mark_sent, "conflict.resolved")


async def show_address(request: web.Request) -> web.StreamResponse:
    """A resident's addresses in full, with a line in the log of who asked."""
    async with seen(request).transaction() as connection:
        row = await conversation.find(connection, request.match_info["reference"], request[SCOPE])
        await audit.record(connection, "address_shown", request[SCOPE].account_id, request[ADDRESS], now(request),
                           row.id, contact=row.contact_id)
        known = await contact.identities(connection, row.contact_id) if row.contact_id else []
    if wants_page(request):
        return await _page(request, 200, shown=True)
    return web.json_response({"addresses": [one["address"] for one in known]})


Verb = Callable[[Connection, Conversation, By], Awaitable[Any]]


async def _resolve(request: web.Request, verb: Callable[[Connection, Conversation, By, int], Awaitable[bool]],
                   refusal: str) -> web.StreamResponse:
    numbers = (await fields.read(request)).numbers("message")
    if not numbers:
        raise web.HTTPBadRequest

    async def run(connection: Connection, row: Conversation, by: By) -> int:
        if not await verb(connection, row, by, numbers[0]):
            raise Conflict(refusal)
        return numbers[0]

    return await _done(request, run, {})


async def _done(request: web.Request, run: Verb, given: Mapping[str, str]) -> web.StreamResponse:
    """Run a verb on the conversation in one transaction and answer: back to its message, or why not."""
    url = request.app.router["conversation"].url_for(reference=request.match_info["reference"])
    try:
        id = await _in_transaction(request, run)
    except (Conflict, Wrong) as error:
        status, text = 409 if isinstance(error, Conflict) else 422, sentence(request, error.key, error.values)
        if not wants_page(request):
            return web.json_response({"error": text, "key": error.key}, status=status)
        return await _page(request, status, given=given, error=text) if given else \
            refused(request, text, str(url), status)
    request.app[BELL]()
    if not wants_page(request):
        return web.json_response({"ok": True, "message": id})
    raise web.HTTPSeeOther(f"{url}#m{id}")


async def _in_transaction(request: web.Request, run: Verb) -> int:
    by = By(request[SCOPE].account_id, now(request))
    for attempt in range(TRIES):
        try:
            async with seen(request).transaction() as connection:
                row = await conversation.find(connection, request.match_info["reference"], request[SCOPE], lock=True)
                await take_wall_down(connection)
                return await run(connection, row, by)
        except RETRY:
            if attempt == TRIES - 1:
                raise
    raise Forbidden("unreachable")


async def _page(request: web.Request, status: int, given: Mapping[str, str] | None = None, error: str = "",
                shown: bool = False) -> web.Response:
    speech = language_of(request)
    async with seen(request).snapshot() as connection:
        row = await conversation.find(connection, request.match_info["reference"], request[SCOPE])
        if row.reference != request.match_info["reference"]:  # merged into another
            url = request.app.router["conversation"].url_for(reference=row.reference)
            raise web.HTTPSeeOther(str(url.with_query(request.query)))
        names = await board.names(connection)
        people = await account.everyone(connection)
        thread = await message.thread(connection, row.id)
        values = await _thread(connection, request, row, names, thread)
        values |= await _composer(connection, request, row, thread)
        values |= await _resident(connection, request, row, shown)
        values["further"] = await conversation.further_channels(connection, row.id)
        values |= await work(connection, request)
        values["loads"] = await lanes.loads(connection, request[SCOPE])
        values["norm"] = await redistribution.norm(connection)
    if any(one.reference == row.reference for one in values["mentions"]):
        values["mentions"] = [one for one in values["mentions"] if one.reference != row.reference]
        async with seen(request).transaction() as connection:
            await mention.read(connection, request[SCOPE].account_id, row.id, now(request))
    reason = names.reasons.get(row.close_reason_id or 0)
    return page(request, "conversation/conversation.html", status, row=row, given=given or {}, error=error,
                beside="blad" in request.query, kind_icon=kind_icon,
                key=secrets.token_hex(8), choices=choices(request, names, people), back=request.path,
                channel=names.channels.get(row.channel_id, ("", "")), assignee=names.accounts.get(row.assignee_id or 0),
                asker=names.accounts.get(row.request or 0),
                team=names.teams.get(row.team_id or 0, ""), reason=named(reason, speech),
                labels=[(id, *names.labels[id]) for id in row.labels if id in names.labels],
                **cards(request, names), **values)


async def _thread(connection: Connection, request: web.Request, row: Conversation, names: Names,
                  thread: list[Message]) -> dict[str, Any]:
    """The entries in order: messages, notes and the lines of events."""
    files = await message.files(connection, [one.id for one in thread])
    history = await event.history(connection, row.id)
    fragments, speech = Fragments(request.app[RENDER]), language_of(request)
    items = sorted([*thread, *history], key=lambda item: item.at)
    entries = [(item.at, Drawn(fragments.entry(item, row, names, speech, files.get(item.id, [])
                                               if isinstance(item, Message) else []))) for item in items]
    said = [one.id for one in thread if one.direction in ("in", "out")]
    return {"entries": [entry for entry in entries if entry[1]], "last_seen": max(said, default=0)}


async def _composer(connection: Connection, request: web.Request, row: Conversation,
                    thread: list[Message]) -> dict[str, Any]:
    """Where an answer would go, to whom, and under which key: one click is one answer."""
    found = await reply_form.via(request, connection, row)
    taking_part = await conversation.participants(connection, row.id)
    to, others, writer = reply_form.recipients(thread, taking_part, found[0].address if found else "")
    visit = await chat.of(connection, row.id)
    if visit is not None and found and not found[1].can.live:  # gone: where the answer may go is what they told us
        to, others, writer = reply_form.written("email", visit.mail, visit.called), [], ""
    return {"visit": visit, "answer_channel": found[0] if found else None, "can": found[1].can if found else None,
            "signature": reply.signed("", found[1].signature) if found else "",
            "drafts": await draft.of(connection, row.id, request[SCOPE].account_id),
            "default_to": to, "others": others, "writer": writer, "handles": reply_form.handles(thread),
            "warning": reply_form.warning(thread),
            "client_id": secrets.token_hex(12), "note_id": secrets.token_hex(12)}


async def _resident(connection: Connection, request: web.Request, row: Conversation, shown: bool) -> dict[str, Any]:
    """Who the resident is, and everything they asked over all channels, as far as this person may see it."""
    classes = sorted(request[SCOPE].classes)
    known = await contact.identities(connection, row.contact_id) if row.contact_id else []
    history = await contact.conversations(connection, row.contact_id, classes) if row.contact_id else []
    related: dict[str, Conversation | None] = {"suggested": None, "before": None}
    for name, id in (("suggested", row.suggestion), ("before", row.follows)):
        other = (await conversation.load(connection, [id])).get(id) if id else None
        related[name] = other if other and request[SCOPE].sees(other.visibility) else None
    return {"identities": known, "history": history, "shown": shown, "masked": contact.masked, **related}


