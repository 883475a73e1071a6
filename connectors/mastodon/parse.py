"""Reading a delivery: one post, edit or deletion. Pure; `gather.py` put in all that is needed.

Entities: docs.joinmastodon.org/entities/Status, read on 2026-11-25.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors import Attachment, Author, Delivery, ExternalId, Incoming, Kind, clean_item
from connectors.email.limits import Notes
from connectors.email.plain import from_html

CONTENT_TYPE = "application/json"
KIND = "mastodon"
PUBLIC = ("public", "unlisted")  # anybody can read it; `private` is for followers, `direct` for who is named
TYPE = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,80}")
SPAN = re.compile(r"</?span\b[^<>]{0,500}>", re.I)  # only cuts links and names into pieces
KINDS = {"post": Kind.MESSAGE, "edit": Kind.EDIT, "deletion": Kind.DELETION}


class _Odd(Exception):
    """Not what the documentation says."""


def parse(delivery: Delivery) -> list[Incoming]:
    """Always one item; what is not understood is one that says so."""
    try:
        read = json.loads(delivery.body)
        if not isinstance(read, dict) or read.get("event") not in KINDS or not isinstance(read.get("home"), dict):
            raise _Odd
        item = _deletion(read, delivery) if read["event"] == "deletion" else _post(read, delivery)
        "".join((item.text, item.subject, item.quoted, item.author.name, item.external_id)).encode()
        return [clean_item(item)]
    except (_Odd, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [Incoming(ExternalId(f"delivery:{delivery.key}"), delivery.received_at, Author(KIND, ""),
                         kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", "unknown"))]


def post_id(home: str, id: Any) -> ExternalId:
    """A post's id as the house knows it: other servers have other posts under the same number."""
    return ExternalId(f"{home}/{id}")


def handle(account: Any, domain: str) -> str:
    """name@server in lower case; the server names its own people without one."""
    acct = str(account["acct"]).lower()
    return acct if "@" in acct else f"{acct}@{domain}"


def text_of(content: Any) -> str:
    """The words of a post's HTML."""
    return from_html(SPAN.sub("", content) if isinstance(content, str) else "", Notes())


def _deletion(read: dict[str, Any], delivery: Delivery) -> Incoming:
    id = post_id(read["home"]["server"], read["id"])
    return Incoming(id, delivery.received_at, Author(KIND, str(read["author"])), kind=Kind.DELETION, identity=id,
                    direction="out" if read.get("ours") else "in", public=read["public"] is True)


def _post(read: dict[str, Any], delivery: Delivery) -> Incoming:
    home, status = read["home"], read["status"]
    domain, account = home["domain"], status["account"]
    ours = str(account["id"]) == str(home["account"])
    id = post_id(home["server"], status["id"])
    answered = status.get("in_reply_to_id")
    at = datetime.fromisoformat(status.get("edited_at") or status["created_at"] if read["event"] == "edit"
                                else status["created_at"])
    if at.tzinfo is None:
        raise _Odd
    files, problems = _files(read.get("files"))
    if status.get("sensitive") is True and files and not status.get("spoiler_text"):
        problems.append("sensitive")
    author = Author(KIND, handle(account, domain), str(account.get("display_name") or ""))
    return Incoming(
        id, min(at, delivery.received_at), author,
        kind=KINDS[read["event"]], direction="out" if ours else "in", public=status["visibility"] in PUBLIC,
        subject=str(status.get("spoiler_text") or ""), text=_words(status), quoted=_quoted(read, domain),
        answers_to=(post_id(home["server"], answered),) if answered else (), identity=id,
        to=_to(status, domain, home) if ours else (), attachments=tuple(files), problems=tuple(dict.fromkeys(problems)),
        language=str(status.get("language") or ""), source_url=str(status.get("url") or status.get("uri") or ""))


def _words(status: dict[str, Any]) -> str:
    parts = [text_of(status.get("content"))]
    poll = status.get("poll")
    if isinstance(poll, dict):
        parts.append("\n".join(f"( ) {option.get('title')}" for option in poll.get("options") or []))
    return "\n\n".join(part for part in parts if part)


def _quoted(read: dict[str, Any], domain: str) -> str:
    """The post that is answered, and the one that is quoted, each with who wrote it."""
    quote = read["status"].get("quote")
    others = [read.get("answered"), quote.get("quoted_status") if isinstance(quote, dict) else None]
    return "\n\n".join(f"{handle(one['account'], domain)}:\n{_words(one)}" for one in others if isinstance(one, dict))


def _to(status: dict[str, Any], domain: str, home: dict[str, str]) -> tuple[Author, ...]:
    """Whom a post of ours is for: whoever it answers, else whom it names."""
    named = [one for one in status.get("mentions") or [] if str(one["id"]) != str(home["account"])]
    answered = [one for one in named if str(one["id"]) == str(status.get("in_reply_to_account_id"))]
    return tuple(Author(KIND, handle(one, domain)) for one in answered or named)


def _files(listed: Any) -> tuple[list[Attachment], list[str]]:
    files, problems = [], []
    for one in listed or []:
        if one.get("problem"):
            problems.append(str(one["problem"]))
            continue
        try:
            content = base64.b64decode(one["content"], validate=True)
        except binascii.Error as error:
            raise _Odd from error
        type = str(one.get("type") or "")
        files.append(Attachment(_name(one), type if TYPE.fullmatch(type) else "application/octet-stream", content,
                                description=str(one.get("description") or "")))
    return files, problems


def _name(one: dict[str, Any]) -> str:
    try:
        return unquote(urlsplit(str(one.get("url") or "")).path).rpartition("/")[2]
    except ValueError:
        return ""
