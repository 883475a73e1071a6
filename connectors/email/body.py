"""What a mail says and what it carries: its parts sorted into text, HTML, files and reports."""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from connectors import Attachment
from connectors.email import crypto, headers, plain, structure
from connectors.email.charset import clean, decode
from connectors.email.encoding import take_uuencoded
from connectors.email.filename import safe_name
from connectors.email.headers import Headers
from connectors.email.limits import ENVELOPES, HTML_CHARACTERS, TEXT_CHARACTERS, Notes
from connectors.email.structure import Part

_MESSAGES = frozenset({"message/rfc822", "message/global", "message/news", "message/partial"})
_REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status", "text/rfc822-headers",
                      "message/global-headers", "message/disposition-notification", "message/feedback-report"})
_READABLE = frozenset({"text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown"})
_CID = re.compile(r"cid:([^\"'\s<>)]{1,300})", re.I)
_PLACEHOLDER_CHARACTERS = 200  # a plain part this short that speaks of HTML is no text


@dataclass(slots=True)
class Segment:
    """One body after another in a mail: either form may be empty, not both."""

    plain: str = ""
    html: str = ""


@dataclass(slots=True)
class Body:
    segments: list[Segment] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    calendars: list[str] = field(default_factory=list)
    messages: list[Part] = field(default_factory=list)  # whole mails inside this one
    reports: list[Part] = field(default_factory=list)  # machine-readable parts of a multipart/report
    maybe_text: list[Part] = field(default_factory=list)  # text with a file name, shown when nothing else is


def collect(root: Part, notes: Notes) -> Body:
    """Everything in the mail, sorted. Files are decoded here, once."""
    body = Body()
    _sort(root, body, notes)
    if not body.segments and body.maybe_text:
        _add_text(body.maybe_text[0], body, notes)
    if not body.segments and root.preamble_end and not body.attachments:
        body.segments.append(Segment(clean(root.raw[root.start:root.preamble_end].decode("utf-8", "replace"), notes)))
    used = {unquote(entities.unescape(one)) for segment in body.segments for one in _CID.findall(segment.html)}
    body.attachments = [_placed(one, used) for one in body.attachments]
    return body


def html_of(body: Body, notes: Notes) -> str:
    """All HTML of the mail; plain segments between HTML ones are escaped. Empty for a plain mail."""
    if not any(segment.html for segment in body.segments):
        return ""
    whole = "\n".join(segment.html or f"<pre>{entities.escape(segment.plain)}</pre>" for segment in body.segments)
    if len(whole) > HTML_CHARACTERS:
        notes.add("html-too-large")
    return whole[:HTML_CHARACTERS]


def text_of(body: Body, notes: Notes) -> str:
    """The mail as plain text, quoted parts included."""
    texts = [_text(segment, notes) for segment in body.segments]
    if len(texts) == 1:
        whole = texts[0]
    else:
        whole = "\n\n".join(text.strip("\n") for text in texts if text.strip())
    if crypto.PGP_MESSAGE in whole:
        notes.add("encrypted")
    if len(whole) > TEXT_CHARACTERS:
        notes.add("text-too-long")
        whole = whole[:TEXT_CHARACTERS]
    return whole


def _text(segment: Segment, notes: Notes) -> str:
    if segment.plain.strip() and not (segment.html and _is_placeholder(segment.plain)):
        return segment.plain
    return plain.from_html(segment.html, notes) or segment.plain.strip()


def _is_placeholder(text: str) -> bool:
    return len(text) < _PLACEHOLDER_CHARACTERS and "html" in text.lower()


def _sort(part: Part, body: Body, notes: Notes) -> None:
    match part.type:
        case "multipart/alternative":
            _sort_alternative(part, body, notes)
        case "multipart/related":
            _sort_related(part, body, notes)
        case "multipart/encrypted":
            notes.add("encrypted")
            for child in part.children:
                _attach(child, body, notes)
        case _ if part.children:
            for child in part.children:
                _sort(child, body, notes)
        case kind if kind in _MESSAGES and part.disposition != "attachment":
            if kind == "message/partial":
                notes.add("partial-message")
            body.messages.append(part)
            _attach(part, body, notes)
        case kind if kind in _REPORTS:
            body.reports.append(part)
        case kind if kind in crypto.SMIME_TYPES:
            _sort_smime(part, body, notes)
        case kind if kind in _READABLE and part.disposition != "attachment":
            _sort_text(part, body, notes)
        case kind:
            if kind == "text/calendar":
                body.calendars.append(clean(part.text(notes), notes))
            _attach(part, body, notes)


def _sort_text(part: Part, body: Body, notes: Notes) -> None:
    if part.filename:
        body.maybe_text.append(part)
        _attach(part, body, notes)
    else:
        _add_text(part, body, notes)


def _add_text(part: Part, body: Body, notes: Notes) -> None:
    if part.type == "text/html":
        data = part.content(notes)
        label = part.parameters.get("charset") or plain.html_charset(data)
        text = clean(decode(data, label, notes), notes)
        if text.strip():
            body.segments.append(Segment(html=text))
        return
    text = clean(part.text(notes), notes)
    if part.parameters.get("format", "").lower() == "flowed":
        text = plain.flowed(text, part.parameters.get("delsp", "").lower() == "yes")
    elif part.type in ("text/enriched", "text/richtext"):
        text = plain.from_rich(text)
    text, files = take_uuencoded(text, notes)
    for name, content in files:
        name = safe_name(name, "", len(body.attachments) + 1, notes)
        body.attachments.append(Attachment(name, "application/octet-stream", content))
    if text.strip():
        body.segments.append(Segment(plain=text))


def _sort_alternative(part: Part, body: Body, notes: Notes) -> None:
    """The same text in several forms becomes one segment."""
    inner = Body()
    for child in part.children:
        _sort(child, inner, notes)
    texts = [segment.plain for segment in inner.segments if segment.plain]
    pages = [segment.html for segment in inner.segments if segment.html]
    if texts or pages:
        body.segments.append(Segment("\n\n".join(texts), "\n".join(pages)))
    _merge(body, inner)


def _sort_related(part: Part, body: Body, notes: Notes) -> None:
    """The root (RFC 2387 3.2, else the first part) is the body, the rest are its files."""
    wanted = part.parameters.get("start", "").strip("<> ")
    root = next((child for child in part.children if wanted and child.content_id == wanted), None)
    root = root or (part.children[0] if part.children else None)
    for child in part.children:
        if child is root or child.children or child.type in _MESSAGES:
            _sort(child, body, notes)
        else:
            _attach(child, body, notes)


def _sort_smime(part: Part, body: Body, notes: Notes) -> None:
    """Signed in one piece: the mail inside is shown. Anything else is encrypted, or as good as."""
    content = part.content(notes)
    inside = crypto.signed_content(content)
    _attach(part, body, notes)
    notes.envelopes += 1
    if inside is None:
        notes.add("encrypted")
    elif notes.envelopes > ENVELOPES:
        notes.add("too-deep")
    else:
        _sort(structure.read(inside, notes), body, notes)


def _merge(body: Body, inner: Body) -> None:
    body.attachments += inner.attachments
    body.calendars += inner.calendars
    body.messages += inner.messages
    body.reports += inner.reports
    body.maybe_text += inner.maybe_text


def _attach(part: Part, body: Body, notes: Notes) -> None:
    if part.children:  # a multipart where a file was expected
        for child in part.children:
            _attach(child, body, notes)
        return
    content = part.content(notes)
    given = part.filename
    if not given and part.type in _MESSAGES:
        subject = inner_headers(part, notes).text("subject")
        given = f"{subject[:100]}.eml".replace("/", "-").replace("\\", "-") if subject else ""
    name = safe_name(given, part.type, len(body.attachments) + 1, notes)
    body.attachments.append(Attachment(name, part.type, content, content_id=part.content_id))


def inner_headers(part: Part, notes: Notes) -> Headers:
    """The header of the mail that a message part holds."""
    content = part.content(notes)
    return headers.read(content, 0, len(content), Notes())[0]


def _placed(one: Attachment, used: set[str]) -> Attachment:
    if not one.content_id or one.content_id not in used:
        return one
    return Attachment(one.name, one.type, one.content, True, one.content_id)
