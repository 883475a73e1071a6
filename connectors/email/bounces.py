"""Delivery reports: which recipients a mail of ours did not reach, and which mail that was.

The standard form (RFC 3464) is read here, with its reasons; what older and odd servers write is left to
flufl.bounce, which is asked only when the sender or the subject says that this is a report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes

from flufl.bounce import all_failures

from connectors.email.addresses import addresses
from connectors.email.body import Body, inner_headers
from connectors.email.headers import ORIGINAL_ID, Headers, message_ids, read
from connectors.email.limits import BOUNCE_BYTES, Notes
from connectors.email.structure import Part

_SENDERS = frozenset({"mailer-daemon", "postmaster", "mail-daemon", "mdaemon", "maildaemon", "mail.daemon"})
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status|fail|problem|report|notif|has failed|incomplete)|(?:mail|message) delivery|"
    r"returned (?:mail|to sender)|failure notice|niet[- ](?:bezorgd|afgeleverd|bestelbaar)|onbestelbaar|"
    r"kan niet worden bezorgd|aflevering|bezorging|unzustellbar", re.I)
_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_HEADER_TYPES = frozenset({"text/rfc822-headers", "message/global-headers"})
_BLOCKS = 100  # recipients in one report
_REASON_CHARACTERS = 300
_REASON = re.compile(r"(?:^|[\s:;(])(5\d\d[ -](?=\S)[^\n]{3,250})")
_ID_IN_TEXT = re.compile(r"^[>\s]{0,8}Message-ID:\s{0,8}<([^<>\s]{3,500})>", re.I | re.M)
_FAILED, _DELAYED = ("fail", "error"), ("delay",)


@dataclass(frozen=True, slots=True)
class Report:
    """`outcome` is `failed`, `delayed` or `delivered`; `of` the Message-ID of the mail it is about, or empty."""

    outcome: str
    recipients: tuple[tuple[str, str], ...]  # address and reason
    of: str


def read_report(root: Part, body: Body, sender: str, text: str, notes: Notes) -> Report | None:
    """The delivery report in this mail; None when it is none. `sender` is the author's address."""
    statuses = [part for part in body.reports if part.type in _STATUS_TYPES]
    if statuses:
        outcome, recipients = _standard(statuses, notes)
    elif _may_be_report(root.headers, sender):
        outcome, recipients = _by_library(root, text, notes)
    else:
        return None
    return Report(outcome, recipients, _original_id(root, body, text, notes))


def _may_be_report(headers: Headers, sender: str) -> bool:
    if "x-failed-recipients" in headers:
        return True
    returned = headers.raw("return-path")
    from_server = sender.partition("@")[0] in _SENDERS or returned == "<>" or not sender
    return from_server and bool(_SUBJECT.search(headers.text("subject")))


def _standard(statuses: list[Part], notes: Notes) -> tuple[str, tuple[tuple[str, str], ...]]:
    failed: dict[str, str] = {}
    outcomes = set()
    for part in statuses:
        for block in _blocks(part.content(notes)):
            if not (recipient := _recipient(block, notes)):
                continue
            action = block.raw("action").lower()
            status = block.raw("status")
            if action.startswith(_FAILED) or not action and status.startswith("5"):
                failed.setdefault(recipient, _reason(block, status))
            outcomes.add("delayed" if action.startswith(_DELAYED) else "delivered")
    outcome = "failed" if failed or not outcomes else "delayed" if "delayed" in outcomes else "delivered"
    return outcome, tuple(failed.items())


def _blocks(content: bytes) -> list[Headers]:
    """The groups of fields in a delivery-status, the one about the message itself first."""
    found, position = [], 0
    while position < len(content) and len(found) < _BLOCKS:
        block, body = read(content, position, len(content), Notes())
        found.append(block)
        position = max(body, position + 1)
    return found


def _recipient(block: Headers, notes: Notes) -> str:
    for name in ("original-recipient", "final-recipient"):
        kind, semicolon, value = block.raw(name).partition(";")
        value = (value if semicolon else kind).strip()
        if found := addresses(value, notes):
            return found[0].address or value[:200]
    return ""


def _reason(block: Headers, status: str) -> str:
    kind, semicolon, text = block.text("diagnostic-code").partition(";")
    return (text.strip() if semicolon else kind)[:_REASON_CHARACTERS] or status


def _by_library(root: Part, text: str, notes: Notes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Forms from before the standard. Only the beginning is searched: some patterns are slow on long text."""
    if "header-too-long" in notes or "too-deep" in notes:
        return "failed", ()
    try:
        delayed, failed = all_failures(message_from_bytes(root.raw[:BOUNCE_BYTES]))
    except Exception:  # the library raises what it likes on a broken report; the report is shown all the same
        delayed, failed = frozenset(), frozenset()
    reason = _REASON.search(text[:BOUNCE_BYTES])
    why = reason[1].strip() if reason else ""
    found = sorted(one.decode("ascii", "replace").lower() for one in failed)
    return "delayed" if delayed and not failed else "failed", tuple((one, why) for one in found)


def _original_id(root: Part, body: Body, text: str, notes: Notes) -> str:
    found = [inner_headers(part, notes) for part in body.reports if part.type in _HEADER_TYPES]
    found += [inner_headers(part, notes) for part in body.messages]
    for returned in found:
        if ids := message_ids(returned.raw(ORIGINAL_ID)) or message_ids(returned.raw("message-id")):
            return ids[0]
    for part in body.reports:
        for block in _blocks(part.content(notes))[:1]:
            if ids := message_ids(block.raw("original-message-id") or block.raw("x-original-message-id")):
                return ids[0]
    if in_text := _ID_IN_TEXT.search(text[:BOUNCE_BYTES]):
        return in_text[1]
    ids = message_ids(root.headers.raw("in-reply-to")) or message_ids(root.headers.raw("references"))
    return ids[-1] if ids else ""
