"""The composition of a reply: its text with signature and, for who took part, the message it answers."""

from __future__ import annotations

import html
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors import Attachment, ExternalId, Outgoing
from newsroom import message
from newsroom.database import Connection
from newsroom.message import Message, authors
from newsroom.reply import reply_token, signed

ZONE = ZoneInfo("Europe/Amsterdam")
SEPARATOR = "-- "  # the line that mail programs know as the begin of a signature
MONTHS = "jan feb mrt apr mei jun jul aug sep okt nov dec".split()


async def outgoing(connection: Connection, row: Message, secret: bytes) -> Outgoing:
    """What the connector gets for a queued reply."""
    # the house style of the channel and the conversation's reference
    house = await connection.fetchrow(
        "select ch.house_style, c.reference from conversation c, channel ch where c.id = $1 and ch.id = $2",
        row.conversation_id, row.channel_id)
    quoted = await _answered(connection, row)
    files = (await message.files(connection, [row.id])).get(row.id, [])
    attachments = tuple([Attachment(file.name, file.type, await message.content(connection, file.sha256), file.inline,
                                    file.content_id, file.description) for file in files])
    style = house["house_style"]
    return Outgoing(
        idempotency_key=f"newsroom-{row.id}", external_id=ExternalId(row.external_id), subject=row.subject,
        text=plain(row.body, style.get("signature_text", ""), quoted, SEPARATOR if _is_mail(row) else ""),
        html=rich(row.body, style.get("signature_html", ""), quoted) if style.get("signature_html") else "",
        public=row.public, to=authors(row.recipients.get("to")), cc=authors(row.recipients.get("cc")),
        bcc=authors(row.recipients.get("bcc")),
        answers_to=ExternalId(row.answers_to[-1]) if row.answers_to else None,
        references=tuple(ExternalId(reference) for reference in row.answers_to),
        reply_token=reply_token(house["reference"], secret), attachments=attachments)


def plain(body: str, signature: str, quoted: Message | None, separator: str = SEPARATOR) -> str:
    """The reply as text."""
    text = signed(body, f"{separator}\n{signature.strip()}".strip("\n") if signature.strip() else "")
    if quoted is None:
        return text
    return "\n\n".join([text, "\n".join([_attribution(quoted), *(f"> {line}" for line in quoted.body.splitlines())])])


def rich(body: str, signature_html: str, quoted: Message | None) -> str:
    """The reply as HTML, in the house style. The signature is the administrator's, cleaned when it was saved."""
    parts = [_paragraphs(body), signature_html]
    if quoted is not None:
        parts.append(f"<p>{html.escape(_attribution(quoted))}</p><blockquote>{_paragraphs(quoted.body)}</blockquote>")
    return "<!doctype html><html><body>" + "\n".join(parts) + "</body></html>"


def _is_mail(row: Message) -> bool:
    people = [person for field in ("to", "cc", "bcc") for person in row.recipients.get(field, ())]
    return all(kind == "email" for kind, _, _ in people)


async def _answered(connection: Connection, row: Message) -> Message | None:
    """The last message before this one; quoted only in mail, to people who took part in it."""
    if not _is_mail(row):
        return None
    # what this reply answers
    id = await connection.fetchval(
        "select id from message where conversation_id = $1 and direction = 'in' and at <= $2 and removed_at is null"
        " and channel_id = $3 and kind <> 'bounce' order by at desc, external_id desc limit 1",
        row.conversation_id, row.at, row.channel_id)
    if id is None:
        return None
    answered = (await message.get(connection, [id]))[id]
    knew = {(answered.author_kind, answered.author_address)}
    knew |= {(person.kind, person.address) for kind in ("to", "cc")
             for person in authors(answered.recipients.get(kind))}
    readers = {(person.kind, person.address) for kind in ("to", "cc", "bcc")
               for person in authors(row.recipients.get(kind))}
    return answered if readers <= knew and answered.body.strip() else None


def _attribution(quoted: Message) -> str:
    local: datetime = quoted.at.astimezone(ZONE)
    when = f"{local.day} {MONTHS[local.month - 1]} {local.year} om {local:%H:%M}"
    return f"Op {when} schreef {quoted.author_name or quoted.author_address}:"


def _paragraphs(text: str) -> str:
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    return "\n".join("<p>" + html.escape(block).replace("\n", "<br>") + "</p>" for block in blocks)
