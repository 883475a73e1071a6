"""The composer's fields: what a reply or note is when it comes in, and over which channel it goes out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from email.utils import getaddresses
from itertools import zip_longest
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.web_request import FileField

from connectors import Attachment, Author, ChannelError, Learning, clean
from newsroom import channel, chat, desk
from newsroom.channel import Channel, NoChannel
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.message import Message
from newsroom.reply import Composed, Via
from newsroom.triage import Wrong
from newsroom.web.fields import Fields
from newsroom.web.file_kind import kind_of
from newsroom.web.keys import CONNECTOR, SETTINGS, SIGNING

LONGEST_TEXT = 200_000  # characters looked at; more than any channel or note takes, and that limit is told in words
LONGEST_DESCRIPTION = 1500  # characters, as Mastodon takes them
LEARN_SECONDS = 3.0  # a page never waits longer for a server that is away
MOST_RECIPIENTS = 50
ADDRESS = re.compile(r"[^\s@<>\",;:\\()\[\]]+@[^\s@<>\",;:\\()\[\]]+\.[^\s@.<>\",;:\\()\[\]]+")


async def via(request: web.Request, connection: Connection, row: Conversation) -> tuple[Channel, Via] | None:
    """Where an answer goes: the conversation's own channel, or the mailbox that answers for a form. None: nowhere."""
    own = await channel.get(connection, row.channel_id)
    found = await over(request, own)
    if found is None or found.can.sends and await _reaches(connection, row, found):
        return (own, found) if found else None
    try:
        name = str(own.settings.get("reply_channel") or "")
        other = await desk.mailbox(connection, row.team_id) if own.kind == desk.KIND and not name else \
            await channel.by_name(connection, name)
    except NoChannel:
        return None
    found = await over(request, other)
    return (other, found) if found and found.can.sends else None


async def _reaches(connection: Connection, row: Conversation, found: Via) -> bool:
    """Whether the resident can still be answered where they wrote: a visitor of a chat may be gone, and left an
    address. Without one the answer waits in the chat."""
    visit = await chat.of(connection, row.id) if found.can.live else None
    return not found.can.live or visit is not None and (visit.away_at is None or not visit.mail)


async def over(request: web.Request, wanted: Channel) -> Via | None:
    """What a channel can carry; None when it cannot be made."""
    try:
        connector = await request.app[CONNECTOR](wanted.id)
    except (ChannelError, NoChannel):
        return None
    if isinstance(connector, Learning):
        with suppress(TimeoutError):
            async with asyncio.timeout(LEARN_SECONDS):
                await connector.learn()
    settings, signing = request.app[SETTINGS], request.app[SIGNING]
    return Via(wanted.id, wanted.mode, connector.capabilities, urlsplit(settings.address).hostname or "newsroom",
               signing("reply"), wanted.kind,
               # a chat shows a line as it was typed
               "" if connector.capabilities.live else wanted.house_style.get("signature_text", ""))


def composed(post: Any, form: Fields) -> Composed:
    """The reply in a form. Raises `Wrong` for an address that is none."""
    then, _, reason = form.text("then").partition(":")
    seen = next(iter(form.numbers("last_seen")), None)
    files = [part for part in post.getall("files", []) if isinstance(part, FileField) and part.filename]
    return Composed(
        client_id=form.text("client_id")[:64], text=long_text(post, "text"), to=addresses(form.text("to")),
        cc=addresses(form.text("cc")), subject=form.text("subject")[:500],
        attachments=tuple(_file(part, words)
                          for part, words in zip_longest(files, _descriptions(post)[:len(files)], fillvalue="")),
        last_seen=seen, send_anyway=form.on("send_anyway"), then=then, private=form.text("visibility") == "private",
        reason=int(reason) if reason.isascii() and reason.isdigit() and len(reason) < 10 else None)


def _file(part: FileField, words: str) -> Attachment:
    """Its type by its content where we know it: what a browser says of a file is only a guess by its name."""
    content = part.file.read()
    return Attachment(part.filename, kind_of(content) or part.content_type, content, description=words)


def _descriptions(post: Any) -> list[str]:
    """What is on each file, in their order. Raises `Wrong`."""
    found = [" ".join(text.replace("\0", "").split()) if isinstance(text, str) else ""
             for text in post.getall("description", [])]
    if any(len(text) > LONGEST_DESCRIPTION for text in found):
        raise Wrong("wrong.too_long", most=LONGEST_DESCRIPTION)
    return found


def warning(thread: Sequence[Message]) -> str:
    """The content warning that an answer takes over from the message it answers."""
    last = next((one for one in reversed(thread) if one.direction == "in"), None)
    subject = last.subject if last else ""
    return subject if not subject or subject.lower().startswith("re:") else f"Re: {subject}"


def handles(thread: Sequence[Message]) -> str:
    """The names that an answer begins with, as one text."""
    last = next((one for one in reversed(thread) if one.direction == "in" and one.author_address), None)
    return last.author_address if last else ""


def long_text(post: Any, name: str) -> str:
    """A text that may be longer than an ordinary field."""
    value = post.get(name, "")
    text = value[:LONGEST_TEXT] if isinstance(value, str) else ""
    return clean(text).replace("\r\n", "\n")


def addresses(text: str) -> tuple[Author, ...]:
    """Mail addresses as people write them, with commas or semicolons between. Raises `Wrong`."""
    parts = getaddresses([text.replace(";", ",")]) if text.strip() else []
    found = {address.lower(): name for name, address in parts if address}
    if len(found) > MOST_RECIPIENTS or any(not ADDRESS.fullmatch(address) for address in found) \
            or (text.strip() and not found):
        raise Wrong("wrong.recipient")
    return tuple(Author("email", address, name[:200]) for address, name in found.items())


def recipients(thread: Sequence[Message], participants: Sequence[tuple[str, str, str]],
               own: str) -> tuple[str, list[str], str]:
    """Whom an answer goes to by default, who else took part in the last message, and its writer when the answer goes
    to another address than theirs; all as text.

    The Reply-To of the last message counts before its From (RFC 5322 section 3.6.2), unless it is only ourselves."""
    last = next((one for one in reversed(thread)
                 if one.direction == "in" and one.author_address and one.kind != "bounce"), None)
    if last is None:
        return ", ".join(written(kind, address, name) for kind, address, name in participants[:1]), [], ""
    writer = [last.author_kind, last.author_address, last.author_name]
    to = [person for person in last.recipients.get("reply_to", ()) if person[1] != own] or [writer]
    to = [person for person in to if person[0] != "phone"]
    taken = {person[1] for person in to} | {own}
    others = [person for field in ("to", "cc") for person in last.recipients.get(field, ())
              if person[0] == "email" and person[1] not in taken]
    passed_over = "" if writer[1] in taken or writer[0] == "phone" else written(*writer)
    return ", ".join(written(*person) for person in to), [written(*person) for person in others], passed_over


def written(kind: str, address: str, name: str = "") -> str:
    """ "Jansen, A." <a@voorbeeld.example> as in a mail program."""
    if not name or name == address:
        return address
    plain = name.replace('"', "").replace("\\", "")
    return f'"{plain}" <{address}>' if re.search(r"[^\w .'-]", plain) else f"{plain} <{address}>"
