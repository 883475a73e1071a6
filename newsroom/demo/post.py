"""What residents post: real mail messages and forms, as bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr, parseaddr
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from connectors import Delivery, DeliveryKey
from connectors.web_form import FORM, submission
from newsroom import answer
from newsroom.demo.letter import ELSE, Letter
from newsroom.form import Form

ZONE = ZoneInfo("Europe/Amsterdam")
MONTHS = "jan feb mrt apr mei jun jul aug sep okt nov dec".split()
UTF8 = Charset("utf-8")
UTF8.body_encoding = QP
LINES = compat32.clone(linesep="\r\n")
PHOTO = 240, 160  # pixels
TILE, JOINT, LOOSE = 30, 2, (5, 2)  # pixels, pixels, column and row
REPORT = """\
Return-Path: <>
Message-ID: <{id}@{host}>
Date: {date}
From: Mail Delivery System <mailer-daemon@{host}>
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=report

--report
Content-Type: text/plain; charset=utf-8

This is the mail system at host {host}.
Your message could not be delivered to {recipient}.

{reason}

--report
Content-Type: message/delivery-status

Reporting-MTA: dns; {host}

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; {reason}

--report
Content-Type: text/rfc822-headers

Message-ID: <{original}>
To: {recipient}

--report--
"""


def mail(key: str, sender: str, to: str, subject: str, text: str, at: datetime, *, references: Sequence[str] = (),
         quoted: tuple[datetime, str, str] | None = None, headers: Mapping[str, str] | None = None,
         extra: Mapping[str, Any] | None = None) -> Delivery:
    """A mail that came in at `at`. `quoted` is (when, who, text) of the message it answers."""
    extra = extra or {}
    body = text.strip() + "\n"
    if quoted:
        body += "\n" + "\n".join([_attribution(*quoted[:2]), *(f"> {line}" for line in quoted[2].splitlines())]) + "\n"
    message: Message = MIMEText(body, "plain", UTF8)
    if "html" in extra:
        message = MIMEMultipart("alternative", _subparts=[message, MIMEText(extra["html"], "html", UTF8)])
    if "photos" in extra:
        message = MIMEMultipart("mixed", _subparts=[message, *map(_attached, extra["photos"])])
    _head(message, key, sender, to, subject, at, references)
    for name, value in {**(headers or {}), **extra.get("headers", {})}.items():
        message[name] = value
    return Delivery(DeliveryKey(key), message.as_bytes(policy=LINES), at, "message/rfc822",
                    {"folder": "INBOX", "own": to})


def report(key: str, recipient: str, to: str, original: str, reason: str, at: datetime) -> Delivery:
    """The report of a mail server that our reply did not reach `recipient` (RFC 3464)."""
    host = recipient.partition("@")[2]
    text = REPORT.format(host=host, recipient=recipient, to=to, original=original, reason=reason,
                         id=key.replace("/", "."), date=format_datetime(at.astimezone(ZONE)))
    return Delivery(DeliveryKey(key), text.replace("\n", "\r\n").encode(), at, "message/rfc822",
                    {"folder": "INBOX", "own": to})


def filled_in(key: str, form: Form, given: Mapping[str, str | list[str]], at: datetime) -> Delivery:
    """A form as its page hands it over."""
    body = submission.body(form.slug, form.title.partition(" | ")[0], form.version, "nl",
                           answer.shown(form, given, {}, "nl"), ())
    return Delivery(DeliveryKey(key), body, at, submission.CONTENT_TYPE, {"source": FORM})


def given(letter: Letter) -> dict[str, str]:
    """The answers to the form of the town."""
    how = {"hoe": "Per e-mail", "email": letter.address} if letter.address else \
        {"hoe": "Per telefoon", "telefoon": letter.phone}
    return {"onderwerp": letter.topic or ELSE, "kort": letter.subject, "vraag": letter.text.strip(),
            "naam": letter.name, **how}


@cache
def photo() -> bytes:
    """A picture of a pavement with one loose tile (PNG)."""
    width, height = PHOTO
    rows = b"".join(b"\0" + bytes(_shade(x, y) for x in range(width)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b""))


def _head(message: Message, key: str, sender: str, to: str, subject: str, at: datetime,
          references: Sequence[str]) -> None:
    message["Message-ID"] = f"<{key.replace('/', '.')}@{parseaddr(sender)[1].partition('@')[2] or 'post.example'}>"
    message["Date"] = format_datetime(at.astimezone(ZONE))
    message["From"], message["To"] = formataddr(parseaddr(sender)), to
    message["Subject"] = subject if subject.isascii() else Header(subject, "utf-8")
    if references:
        message["In-Reply-To"] = f"<{references[-1]}>"
        message["References"] = "\r\n ".join(f"<{one}>" for one in references)


def _attached(name: str) -> Message:
    part = MIMEImage(photo(), "png")
    part.add_header("Content-Disposition", "attachment", filename=name)
    return part


def _attribution(at: datetime, who: str) -> str:
    local = at.astimezone(ZONE)
    return f"Op {local.day} {MONTHS[local.month - 1]} {local.year} om {local:%H:%M} schreef {who}:"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _shade(x: int, y: int) -> int:
    column, row = x // TILE, y // TILE
    if x % TILE < JOINT or y % TILE < JOINT:
        return 70
    if (column, row) == LOOSE:
        return 95 + (x % TILE + y % TILE) // 4  # it lies askew
    return 165 + (column * 7 + row * 13) % 20
