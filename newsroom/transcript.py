"""The transcript: a chat as a mail, for the visitor who asks for it. Queued like a reply, but it answers nothing."""

from __future__ import annotations

from datetime import datetime

from connectors import Author
from newsroom import board, chat, conversation, message
from newsroom.chat import Visit
from newsroom.conversation import change
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.language import AMSTERDAM, text
from newsroom.message import Message
from newsroom.reply import Via, expect, own_id

KIND = "transcript"


class NothingYet(Exception):
    """Nobody answered yet. Before that a stranger could have us mail their words to anybody."""


async def ask(connection: Connection, visit: Visit, email: str, via: Via, at: datetime, key: str, speech: str) -> None:
    """Queue the chat so far as a mail to `email`, once for each `key`. Raises `NothingYet`."""
    row = (await chat.conversations(connection, [visit.address])).get(visit.address)
    # asked before by the same press of the button
    if row is None or await connection.fetchval("select true from message where client_id = $1", key):
        if row is None:
            raise NothingYet
        return
    before = (await conversation.lock(connection, [row.id]))[row.id]
    _, items = await chat.thread(connection, visit.address, 0)
    if not any(item.direction == "out" for item in items):
        raise NothingYet
    id = (await message.reserve(connection, 1))[0]
    to = Author("email", email, visit.called)
    made = Message(
        id, row.id, via.channel_id, "out", at, kind=KIND, external_id=own_id(row, via), auto_reply=True,
        recipients=message.recipients_of([to]), subject=text(speech, "chat.transcript.subject"),
        body=await _written(connection, items, speech), client_id=key, send_state="queued", send_after=at)
    await message.insert(connection, [made])
    await expect(connection, row, made, [to])
    after = conversation.raised(before)
    await change(connection, before, after, Draft("transcript_asked", at, message_id=id))


async def _written(connection: Connection, items: list[Message], speech: str) -> str:
    """The lines as people read them, a day above each day."""
    names = (await board.names(connection)).accounts
    files = await message.files(connection, [item.id for item in items])
    lines, day = [text(speech, "chat.transcript.head")], ""
    for item in items:
        local = item.at.astimezone(AMSTERDAM)
        today = f"{local.day} {text(speech, f'month.{local.month}')} {local.year}"
        if today != day:
            lines += ["", today]
            day = today
        who = text(speech, "chat.you") if item.direction == "in" else chat.first_name(item.account_id, names)
        said = item.body if not item.removed_at else text(speech, "chat.removed")
        shown = "" if item.removed_at else "".join(f" [{file.name}]" for file in files.get(item.id, []))
        lines.append(f"{local:%H:%M} {who}: {said}{shown}")
    return "\n".join(lines)
