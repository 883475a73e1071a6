"""What a resident sent with a form of our own, as it is stored: labels and answers as staff know them.

The same answers always give the same bytes, so that sending twice is recognised.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import msgspec

from connectors import Delivery, ExternalId, Incoming
from connectors.web_form import values

CONTENT_TYPE = "application/vnd.newsroom.form+json"
ROLES = ("", "subject", "text", "name", "email", "phone")  # what an answer means to the conversation


class Answer(msgspec.Struct, frozen=True):
    """One answer; `value` is text for people."""

    name: str
    label: str
    value: str
    role: str = ""


class File(msgspec.Struct, frozen=True):
    """A file with its field; `content` is base64."""

    field: str
    name: str
    type: str
    content: str


class Submission(msgspec.Struct, frozen=True, tag="newsroom.form", tag_field="kind"):
    """A form that was sent."""

    form: str
    title: str
    version: int
    language: str
    answers: tuple[Answer, ...]
    files: tuple[File, ...] = ()


_decode = msgspec.json.Decoder(Submission).decode


def body(form: str, title: str, version: int, language: str, answers: Sequence[Answer],
         files: Sequence[tuple[str, str, str, bytes]]) -> bytes:
    """The bytes of a submission; `files` are (field, name, type, content)."""
    return msgspec.json.encode(Submission(form, title, version, language, tuple(answers), tuple(
        File(field, name, type, base64.b64encode(content).decode()) for field, name, type, content in files)))


def read(delivery: Delivery) -> Incoming:
    """The message. Raises `msgspec.MsgspecError` or ValueError for anything else."""
    sent = _decode(delivery.body)
    roles = {answer.role: answer.value for answer in reversed(sent.answers)}
    details = [(answer.label, values.MASK if values.names_bsn(answer.name) and answer.value else
                values.mask(answer.value)) for answer in sent.answers if answer.role != "text" and answer.value]
    text = values.mask(roles.get("text", ""))
    subject = values.mask(roles.get("subject", "")) or sent.title
    masked = text != roles.get("text", "") or any(values.MASK in value for _, value in details)
    return Incoming(
        ExternalId(delivery.key), delivery.received_at,
        values.author(roles.get("name", ""), roles.get("email", ""), roles.get("phone", "")),
        subject=subject, text=text, details=tuple(details), language=sent.language,
        attachments=tuple(values.file(one.name, one.content, one.type) for one in sent.files),
        problems=(values.MASKED,) if masked else ())
