"""The desk: what a colleague writes down of somebody on the telephone or at the counter, and letters on paper.

A delivery is what the colleague entered, as JSON with its scans. Nothing is sent from here: the answer goes by mail
from the mailbox named in `reply_channel`, or a colleague calls or writes a letter and says so.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from connectors import (
    Attachment,
    Author,
    Capabilities,
    Delivery,
    ExternalId,
    Incoming,
    Kind,
    Outgoing,
    Refused,
    Sent,
    Step,
    clean_item,
    option,
)

CONTENT_TYPE = "application/vnd.newsroom.desk+json"
MEDIA = ("phone", "counter", "post")


class File(msgspec.Struct, frozen=True):
    """A scan; `content` is base64."""

    name: str
    type: str
    content: str


class Entry(msgspec.Struct, frozen=True, tag="newsroom.desk", tag_field="kind"):
    """What was entered. `text` is what the resident asked, `answer` what the colleague told them at once. `written_at`
    is the moment from which a letter counts, in ISO 8601; empty: now. `by` is the colleague's name."""

    text: str
    by: str
    subject: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    answer: str = ""
    written_at: str = ""
    files: tuple[File, ...] = ()


_decode = msgspec.json.Decoder(Entry).decode


def body(entry: Entry, files: Sequence[tuple[str, str, bytes]] = ()) -> bytes:
    """The bytes of an entry with its scans (name, type, content). The same entry always gives the same bytes."""
    scans = tuple(File(name, type, base64.b64encode(content).decode()) for name, type, content in files)
    return msgspec.json.encode(msgspec.structs.replace(entry, files=scans))


@dataclass(frozen=True, slots=True)
class Settings:
    medium: str = option("Waar dit kanaal voor is: phone (telefoon), counter (balie) of post.", label="Soort",
                         default="phone", choices=MEDIA)
    reply_channel: str = option(
        "De mailbox waaruit u antwoordt als de inwoner een e-mailadres gaf: de naam van een e-mailkanaal. Leeg: de "
        "eerste mailbox.", label="Antwoorden via", group="Antwoorden", default="")


class Desk:
    """The channel of what colleagues enter. Sends nothing itself."""

    name = "desk"
    title = "Telefoon, balie en post"
    Settings = Settings
    capabilities = Capabilities(longest_subject=200, attachment_types=(), sends=False)
    hostile_input = False

    def __init__(self, settings: Settings):
        self._settings = settings

    @staticmethod
    def parse(delivery: Delivery) -> list[Incoming]:
        """The question and, when it was answered at once, the answer. What is no entry of ours is shown as it is."""
        try:
            entry = _decode(delivery.body)
            return [clean_item(one) for one in _read(delivery, entry)]
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author("desk", ""),
                             kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", "form-unknown"))]

    async def check(self) -> list[Step]:
        """There is nobody to ask."""
        via = self._settings.reply_channel
        return [Step("Invoer", True, f"antwoorden gaan via {via}" if via else "antwoorden gaan via de eerste mailbox")]

    async def send(self, outgoing: Outgoing) -> Sent:
        raise Refused("Vanaf de balie kan niets worden verstuurd. Bel, schrijf een brief, of kies een mailbox.")

    async def close(self) -> None:
        pass


def _read(delivery: Delivery, entry: Entry) -> list[Incoming]:
    at = min(_moment(entry.written_at), delivery.received_at) if entry.written_at else delivery.received_at
    author = _author(entry)
    details = [("Telefoon", entry.phone)] if entry.phone and author.kind != "phone" else []
    # who left no address is no party of a thread: then the answer stands with the question
    apart = bool(entry.answer and author.address)
    details += [("Geantwoord", entry.answer)] if entry.answer and not apart else []
    files = tuple(Attachment(one.name, one.type, base64.b64decode(one.content, validate=True)) for one in entry.files)
    question = Incoming(ExternalId(delivery.key), at, author, subject=entry.subject, text=entry.text, attachments=files,
                        details=tuple([*details, ("Ingevoerd door", entry.by)]))
    if not apart:
        return [question]
    return [question, Incoming(ExternalId(f"{delivery.key}/answer"), delivery.received_at, Author("desk", "", entry.by),
                               direction="out", text=entry.answer, to=(author,), answers_to=(question.external_id,))]


def _author(entry: Entry) -> Author:
    """By mail when there is an address, for that is how an answer can go; else by telephone, else somebody unknown."""
    if entry.email:
        return Author("email", entry.email, entry.name)
    return Author("phone", entry.phone, entry.name) if entry.phone else Author("desk", "", entry.name)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
