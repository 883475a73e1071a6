"""Gesprekken and their berichten."""

from __future__ import annotations

from aiohttp import web
from yarl import URL

from newsroom import board, conversation, message
from newsroom.board import Names
from newsroom.conversation import PRIORITIES
from newsroom.conversation import Conversation as Row
from newsroom.database import Connection
from newsroom.message import File
from newsroom.message import Message as Said
from newsroom.web.api import models
from newsroom.web.api.frame import Call, Operation, serve
from newsroom.web.mail_body import stream
from newsroom.web.routes import Routes

REFERENCE = r"{reference:[0-9A-Z-]{1,20}}"
PRIORITY = {number: name for name, number in PRIORITIES.items()}
LATENESS = ("on_time", "almost_late", "late")


def routes(add: Routes) -> None:
    one = f"/gesprekken/{REFERENCE}"
    serve(add, "GET", "/gesprekken", Operation("conversations", "List conversations", show_all, "conversations",
                                               models.Conversations, models.ConversationQuery))
    serve(add, "GET", one, Operation("conversation", "One conversation", show, "conversations", models.Conversation,
                                     problems=(400, 401, 403, 404, 503)))
    serve(add, "GET", one + "/berichten", Operation(
        "messages", "The messages of a conversation, in their order", thread, "conversations", models.Messages,
        models.IdQuery, problems=(400, 401, 403, 404, 503)))
    serve(add, "GET", one + r"/bijlagen/{file:\d{1,15}}", Operation(
        "file", "A file with a message, byte for byte", download, "conversations", bytes,
        problems=(400, 401, 403, 404, 503)))


async def show_all(call: Call) -> models.Conversations:
    async with call.database.snapshot() as connection:
        rows = await conversation.page(connection, call.sight, call.query.state, call.query.channel, call.query.after,
                                       call.query.limit + 1)
        names = await board.names(connection)
        before = await _before(connection, rows)
    shown = rows[:call.query.limit]
    return models.Conversations(results=[_model(one, names, before) for one in shown],
                                next=following(call, shown[-1].reference) if len(rows) > len(shown) else None)


async def show(call: Call) -> models.Conversation:
    async with call.database.snapshot() as connection:
        row = await conversation.find(connection, call.path("reference"), call.sight)
        return _model(row, await board.names(connection), await _before(connection, [row]))


async def thread(call: Call) -> models.Messages:
    async with call.database.snapshot() as connection:
        row = await conversation.find(connection, call.path("reference"), call.sight)
        said = await message.thread(connection, row.id)
        start = next((n + 1 for n, one in enumerate(said) if one.id == call.query.after), 0)
        shown = said[start:start + call.query.limit]
        files = await message.files(connection, [one.id for one in shown])
        names = await board.names(connection)
    more = start + len(shown) < len(said)
    return models.Messages(results=[_said(one, files.get(one.id, []), names) for one in shown],
                           next=following(call, str(shown[-1].id)) if more else None)


async def download(call: Call) -> web.StreamResponse:
    async with call.database.snapshot() as connection:
        row = await conversation.find(connection, call.path("reference"), call.sight)
        file = await message.file(connection, int(call.path("file")))
        owner = (await message.get(connection, [file.message_id])).get(file.message_id) if file else None
    if file is None or owner is None or owner.conversation_id != row.id:
        raise conversation.NotFound
    return await stream(call.request, call.database, file)


def following(call: Call, after: str) -> str:
    """The address of the next part of a list."""
    return str(URL(call.request.path).with_query([*((name, value) for name, value in call.request.query.items()
                                                    if name != "after"), ("after", after)]))



async def _before(connection: Connection, rows: list[Row]) -> dict[int, str]:
    """The references of conversations that these follow, as far as they may be seen."""
    found = await conversation.load(connection, [row.follows for row in rows if row.follows])
    return {id: one.reference for id, one in found.items()}


def _model(row: Row, names: Names, before: dict[int, str]) -> models.Conversation:
    reason = names.reasons.get(row.close_reason_id or 0)
    account = names.accounts.get(row.assignee_id or 0)
    return models.Conversation(
        reference=row.reference, channel=row.channel_id, state=row.state, subject=row.subject, author=row.author,
        excerpt=row.excerpt, team=names.teams.get(row.team_id or 0), assignee=account[0] if account else None,
        priority=PRIORITY[row.priority], labels=[names.labels[id][0] for id in row.labels if id in names.labels],
        public=row.public, sealed=row.sealed, contact=row.contact_id, unread=row.unread, created_at=row.created_at,
        last_at=row.last_at, waiting_since=row.waiting_since, due_at=row.due_at, lateness=LATENESS[row.lateness],
        answered_at=row.answered_at, department=row.department or None, department_by=row.department_by,
        closed_at=row.closed_at, outcome=reason[2] if reason else None, problem=row.problem or None,
        follows=before.get(row.follows or 0))


def _said(row: Said, files: list[File], names: Names) -> models.Message:
    account = names.accounts.get(row.account_id or 0)
    return models.Message(
        id=row.id, direction=row.direction, kind=row.kind, at=row.at,
        author=models.Person(kind=row.author_kind, address=row.author_address, name=row.author_name),
        colleague=account[0] if account else None, to=_people(row, "to"), cc=_people(row, "cc"), subject=row.subject,
        text=row.body, values=[models.Value(label=label, value=value) for label, value in row.details],
        files=[models.File(id=one.id, name=one.name, type=one.type, size=one.size) for one in files],
        public=row.public, automatic=row.auto_reply, answer_state=row.send_state or None, sent_at=row.sent_at,
        removed=row.removed_at is not None)


def _people(row: Said, field: str) -> list[models.Person]:
    return [models.Person(kind=one.kind, address=one.address, name=one.name)
            for one in message.authors(row.recipients.get(field))]
