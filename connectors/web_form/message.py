"""Plain JSON: what any program can post as a message."""

from __future__ import annotations

import msgspec

from connectors import Attachment, Delivery, ExternalId, Incoming
from connectors.web_form import values

Value = str | int | float | bool | None | list[str]


class File(msgspec.Struct, forbid_unknown_fields=True):
    """A file; `content` is base64."""

    name: str
    content: str
    type: str = ""


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """The body. `fields` are shown in their order, by their names; strange keys are a mistake, so nothing is lost."""

    subject: str = ""
    text: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""
    fields: dict[str, Value] = {}
    files: list[File] = []

    @property
    def empty(self) -> bool:
        return not (self.text.strip() or self.subject.strip() or self.fields or self.files)


decode = msgspec.json.Decoder(Message).decode


def read(delivery: Delivery) -> Incoming:
    """The message. Raises `msgspec.MsgspecError` or ValueError for anything else."""
    body = decode(delivery.body)
    details = [(name, values.MASK if values.names_bsn(name) else values.mask(shown))
               for name, value in body.fields.items() if (shown := values.shown(value))]
    author = values.author(body.name, body.email, body.phone)
    if body.email.strip() and author.kind != "email":
        details.append(("E-mail", body.email))
    if body.phone.strip():
        details.append(("Telefoon", body.phone))
    text, subject = values.mask(body.text), values.mask(body.subject)
    masked = text != body.text or subject != body.subject or any(values.MASK in value for _, value in details)
    return Incoming(ExternalId(delivery.key), delivery.received_at, author, subject=subject, text=text,
                    details=tuple(details), language=body.language[:8],
                    attachments=files(body),
                    problems=(values.MASKED,) if masked else ())


def files(body: Message) -> tuple[Attachment, ...]:
    """The files, unpacked. Raises ValueError for one that is not base64."""
    return tuple(values.file(one.name, one.content, one.type) for one in body.files)
