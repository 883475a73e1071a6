"""The same mail from two places is one mail: out of a mailbox with CRLF, out of a file with LF alone."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors import Delivery, DeliveryKey
from connectors.email.parse import parse
from tests.connectors.email.conftest import mail

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def read(raw: bytes):
    item, = parse(Delivery(DeliveryKey("1"), raw, AT, "message/rfc822"))
    return item


def test_line_ends_make_no_other_mail():
    raw = b"\r\n".join(mail(1).replace(b"\r\n", b"\n").split(b"\n"))
    one, other = read(raw), read(raw.replace(b"\r\n", b"\n"))
    assert b"\r\n" in raw and (one.identity, one.copy_of) == (other.identity, other.copy_of)


def test_another_text_does():
    one, other = read(mail(1, "Vrijdag.")), read(mail(1, "Zaterdag."))
    assert one.external_id == other.external_id
    assert one.identity != other.identity and one.copy_of != other.copy_of
