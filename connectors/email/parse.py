"""How a mail is read: raw bytes in, one `Incoming` out, always. `README.md` tells what is decided and why.

Nothing here waits, looks anything up or keeps state: the same bytes give the same answer. The house runs it in a
child process with limits on time and memory, as the second wall behind the limits in `limits.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from connectors import Author, Delivery, ExternalId, Incoming, Kind
from connectors.email import enclosed, quotes, structure
from connectors.email.addresses import addresses, names_another, reply_token, without_plus
from connectors.email.automatic import fails_dmarc, is_automatic
from connectors.email.body import Body, collect, html_of, text_of
from connectors.email.bounces import Report, read_report
from connectors.email.calendars import describe
from connectors.email.charset import one_line
from connectors.email.encoding import base64
from connectors.email.headers import ORIGINAL_ID, Headers, message_ids, parse_date
from connectors.email.headers import read as read_headers
from connectors.email.limits import MAIL_BYTES, REFERENCES, SUBJECT_CHARACTERS, TASTE_BYTES, Notes
from connectors.email.structure import Part

TOO_LARGE = "Deze e-mail is te groot om hier te tonen. Open hem in de mailbox."
ENCRYPTED = "Deze e-mail is versleuteld en kan hier niet gelezen worden."
_LONGEST_ID = 500  # characters
_CLOCK_SLACK = timedelta(hours=1)  # a Date this far ahead is a computer's clock, more is noted
_TOKEN_FIELDS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
_THREAD_INDEX_ROOT = 22  # bytes of Outlook's Thread-Index before the first reply is added to it


class _Said(NamedTuple):
    body: Body
    report: Report | None
    text: str
    quoted: str


def parse(delivery: Delivery) -> list[Incoming]:
    """The one message in `delivery`, whatever its bytes are. Meta: `sent` "1" for a mail from the sent folder,
    `own` our own addresses (commas between), `too_large` "1" when the body was not fetched, `authserv` the name
    that our own mail server signs its findings with."""
    try:
        return [read(delivery)]
    except Exception:  # whatever a mail does to us, somebody must see that it came
        return [_unreadable(delivery)]


def read(delivery: Delivery) -> Incoming:
    """As `parse`, but raises what goes wrong."""
    notes, meta = Notes(), delivery.meta
    raw = _plain_bytes(delivery.body)
    too_large = meta.get("too_large") == "1" or len(raw) > MAIL_BYTES
    root = structure.read(raw[:TASTE_BYTES] if too_large else raw, notes)
    headers = root.headers
    if not headers.any_known():
        notes.add("no-headers")
    author = _author(headers, notes)
    said = _said(root, author, too_large, notes)
    if too_large:
        notes = _only_size(notes)
    message_id, other_id = _message_id(headers, notes), _rewritten(headers) if meta.get("sent") == "1" else ""
    digest = sha256(delivery.body).hexdigest()
    to, cc = _recipients(headers, meta, notes)
    reply_to = tuple(addresses(headers.raw("reply-to"), notes))
    if fails_dmarc(headers, meta.get("authserv", "")):
        notes.add("dmarc-fail")
    return Incoming(
        external_id=ExternalId(other_id or message_id or f"sha256:{digest}"),
        at=_written_at(headers, delivery.received_at, notes),
        author=author,
        kind=_kind(headers, said.report, notes),
        direction="out" if meta.get("sent") == "1" else "in",
        subject=headers.text("subject")[:SUBJECT_CHARACTERS],
        text=said.text,
        quoted=said.quoted,
        html=html_of(said.body, notes),
        answers_to=(*_answers_to(headers, said.body, said.report), *[ExternalId(message_id)] * bool(other_id)),
        identity=f"{message_id}|{_digest(delivery.body)}",
        copy_of=_copy_of(message_id, raw, root.header_end, meta),
        reply_token=reply_token([value for name in _TOKEN_FIELDS for value in headers.every(name)]),
        to=to,
        cc=cc,
        reply_to=reply_to,
        attachments=() if too_large else tuple(said.body.attachments),
        details=_form_details(headers),
        auto_reply=bool(said.report) or is_automatic(headers, author.address) or _is_receipt(said.body),
        problems=notes.problems(),
        bounced=said.report.recipients if said.report and said.report.outcome == "failed" else (),
    )


def _said(root: Part, author: Author, too_large: bool, notes: Notes) -> _Said:
    """What the mail says and carries. The text of a delivery report is never folded."""
    body = collect(root, notes)
    whole = _whole_text(body, notes)
    report = read_report(root, body, author.address, whole, notes)
    text, quoted = (whole.strip("\n"), "") if report else quotes.split(whole)
    text = _with_invitations(text, body, notes)
    if too_large:
        text = f"{TOO_LARGE}\n\n{text}".strip()
    elif not text and "encrypted" in notes:
        text = ENCRYPTED
    return _Said(body, report, text, quoted)


def _plain_bytes(raw: bytes) -> bytes:
    """Without a byte order mark; a mail saved as UTF-16 as UTF-8; lines that end in a lone CR made whole."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raw = raw.decode("utf-16", "replace").encode("utf-8", "replace")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    return raw.lstrip(b"\r\n") if raw[:1] in (b"\r", b"\n") else raw


def _author(headers: Headers, notes: Notes) -> Author:
    """The first address of From; without one Sender, then the envelope's, with the name that From gave."""
    found = [one for value in headers.every("from") for one in addresses(value, notes)]
    if not found:
        notes.add("no-from")
    elif len({one.address for one in found if one.address}) > 1:
        notes.add("several-senders")
    if found and not found[0].address:
        notes.add("odd-from")
    author = next((one for one in found if one.address), found[0] if found else Author("email", ""))
    if names_another(author):
        notes.add("address-in-name")
    if author.address:
        return author
    for name in ("sender", "return-path"):
        for other in addresses(headers.raw(name), notes):
            if other.address:
                return Author("email", other.address, author.name or other.name)
    return author


def _whole_text(body: Body, notes: Notes) -> str:
    text = text_of(body, notes)
    if text.strip() or not body.messages:
        return text
    return enclosed.readable(body, notes)


def _with_invitations(text: str, body: Body, notes: Notes) -> str:
    described = [describe(calendar, notes) for calendar in body.calendars[:1]]
    return "\n\n".join(piece for piece in (text, *described) if piece.strip())


def _only_size(notes: Notes) -> Notes:
    """Of a mail that was cut by us, an end that is missing says nothing."""
    kept = Notes()
    for code in ("too-large", *notes.problems()):
        if code not in ("missing-end", "broken-boundary", "wrong-boundary", "broken-base64"):
            kept.add(code)
    return kept


def _message_id(headers: Headers, notes: Notes) -> str:
    value = headers.raw("message-id")
    found = message_ids(value) or [value.strip("<> ")]
    message_id = one_line(found[0], notes).replace(" ", "")
    if not message_id:
        notes.add("no-message-id")
    elif "@" not in message_id or "<" not in value or len(message_id) > _LONGEST_ID:
        notes.add("odd-message-id")
    return message_id if len(message_id) <= _LONGEST_ID else ""


def _rewritten(headers: Headers) -> str:
    """The id that the sender gave, where Microsoft's SMTP server put one of its own in its place: it does so for some
    mailboxes. An answer to the mail names the server's."""
    return next(iter(message_ids(headers.raw(ORIGINAL_ID))), "")[:_LONGEST_ID]


def _recipients(headers: Headers, meta: Mapping[str, str],
                notes: Notes) -> tuple[tuple[Author, ...], tuple[Author, ...]]:
    """To and Cc. Of a mail that we sent: the residents among them, those of Bcc too."""
    to = [one for value in headers.every("to") for one in addresses(value, notes)]
    cc = [one for value in headers.every("cc") for one in addresses(value, notes)]
    if meta.get("sent") != "1":
        return tuple(to), tuple(cc)
    own = {without_plus(address.strip().lower()) for address in meta.get("own", "").split(",") if address.strip()}
    to += [one for value in headers.every("bcc") for one in addresses(value, notes)]
    return (tuple(one for one in to if without_plus(one.address) not in own),
            tuple(one for one in cc if without_plus(one.address) not in own))


def _written_at(headers: Headers, received_at: datetime, notes: Notes) -> datetime:
    value = headers.raw("date")
    written = parse_date(value)
    if written is None:
        notes.add("odd-date" if value else "no-date")
        return received_at
    if written > received_at + _CLOCK_SLACK:
        notes.add("date-in-future")
    return min(written.astimezone(UTC), received_at)


def _kind(headers: Headers, report: Report | None, notes: Notes) -> Kind:
    if report and report.outcome == "failed":
        return Kind.BOUNCE
    if report and report.outcome == "delayed":
        notes.add("delivery-delayed")
    return Kind.MESSAGE if headers.any_known() else Kind.NOT_UNDERSTOOD


def _answers_to(headers: Headers, body: Body, report: Report | None) -> tuple[ExternalId, ...]:
    """References, then In-Reply-To, then the mail that a report is about: each once, at its nearest place."""
    ids = [one for value in headers.every("references") for one in message_ids(value)]
    ids += [one for value in headers.every("in-reply-to") for one in message_ids(value)]
    if not ids and (thread := _outlook_thread(headers.raw("thread-index"))):
        ids.append(thread)
    if report and report.of:
        ids.append(report.of)
    elif receipt_of := _receipt_of(body):
        ids.append(receipt_of)
    nearest_first = dict.fromkeys(one[:_LONGEST_ID] for one in reversed(ids))
    return tuple(ExternalId(one) for one in reversed(list(nearest_first)[:REFERENCES]))


def _outlook_thread(value: str) -> str:
    """The conversation of Outlook's Thread-Index (MS-OXOMSG 2.2.1.3), for a reply that names no id at all."""
    index = base64(value.encode("ascii", "ignore"), Notes())
    return f"thread-index:{index[6:_THREAD_INDEX_ROOT].hex()}" if len(index) > _THREAD_INDEX_ROOT else ""


def _is_receipt(body: Body) -> bool:
    return any(part.type == "message/disposition-notification" for part in body.reports)


def _receipt_of(body: Body) -> str:
    for part in body.reports:
        if part.type == "message/disposition-notification":
            content = part.content(Notes())
            fields, _ = read_headers(content, 0, len(content), Notes())
            return next(iter(message_ids(fields.raw("original-message-id"))), "")
    return ""


def _copy_of(message_id: str, raw: bytes, body_start: int, meta: Mapping[str, str]) -> str:
    """Empty when the body was not fetched: two mails that we have not seen are not known to be equal."""
    if not message_id or meta.get("too_large") == "1":
        return ""
    return f"{message_id}|{_digest(raw[body_start:])}"


def _digest(raw: bytes) -> str:
    """Equal for a mail from a mailbox and the same one from a file, where lines may end in LF alone."""
    return sha256(raw.replace(b"\r\n", b"\n")).hexdigest()


def _form_details(headers: Headers) -> tuple[tuple[str, str], ...]:
    """What Open Formulieren says about a form that it registered by mail."""
    names = [name for name in headers.names() if name.startswith("x-of-")]
    return tuple((_form_label(name), headers.text(name)) for name in names)


def _form_label(name: str) -> str:
    words = name.removeprefix("x-of-").split("-")
    return "X-OF-" + "-".join(word.upper() if word in ("uuid", "id") else word.capitalize() for word in words)


def _unreadable(delivery: Delivery) -> Incoming:
    digest = sha256(delivery.body).hexdigest()
    return Incoming(
        external_id=ExternalId(f"sha256:{digest}"),
        at=delivery.received_at,
        author=Author("email", ""),
        kind=Kind.NOT_UNDERSTOOD,
        direction="out" if delivery.meta.get("sent") == "1" else "in",
        identity=f"|{_digest(delivery.body)}",
        problems=("unreadable",),
    )
