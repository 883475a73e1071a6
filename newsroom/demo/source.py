"""How each source hands over what somebody wrote: the bytes, keys and marks that its connector gives the house."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from typing import Any
from zlib import crc32

import msgspec

from connectors import Author, Delivery, DeliveryKey, chat, desk
from connectors.mastodon import gather
from connectors.mastodon.parse import CONTENT_TYPE, post_id
from connectors.webhook import JSON, Event, File, Person
from newsroom.demo import post
from newsroom.demo.letter import Letter
from newsroom.form import Form

SERVER, DOMAIN = "social.voorbeeldstad.example", "voorbeeldstad.example"
US = {"id": "109000000000000001", "username": "gemeente", "acct": "gemeente", "display_name": "Gemeente Voorbeeldstad",
      "url": f"https://{SERVER}/@gemeente", "bot": False, "created_at": "2022-11-07T00:00:00.000Z"}
HOME = {"server": SERVER, "domain": DOMAIN, "account": US["id"]}
ELSEWHERE = "buurt.example"  # where residents have their account
OFTEN_DIRECT = 5  # one in so many posts is a direct message
APP = "Meldingen Voorbeeldstad 4.2"  # the program behind the webhook


def hand_over(kind: str, key: str, letter: Letter, own: str, at: datetime, form: Form | None = None) -> Delivery:
    """As the source of a channel of this kind gives it; `own` is the mailbox's address. Raises KeyError."""
    return SOURCES[kind](key, letter, own, at, form)


def author_of(kind: str, letter: Letter) -> Author:
    """Who the house takes the writer for."""
    match kind:
        case "mastodon":
            return Author("mastodon", _handle(letter.address), letter.name)
        case "desk":
            return Author("phone", letter.phone, letter.name)
        case "chat":
            return Author(chat.PERSON, letter.address, letter.name)
    return Author("email", letter.address, letter.name)


def new_post_id(at: datetime | None = None, key: str = "") -> str:
    """A post's id as the house knows it, made as the server makes them: the moment, and a few bits."""
    return post_id(SERVER, _number(at or datetime.now(UTC), key))


def _mail(key: str, letter: Letter, own: str, at: datetime, form: Form | None) -> Delivery:
    ours = letter.answers
    return post.mail(key, f"{letter.name} <{letter.address}>", own, letter.subject, letter.text, at,
                     references=(*ours.references, ours.external_id) if ours else (),
                     quoted=(ours.at, f"Gemeente Voorbeeldstad <{own}>", ours.text) if ours else None)


def _form(key: str, letter: Letter, own: str, at: datetime, form: Form | None) -> Delivery:
    assert form is not None
    return post.filled_in(key, form, post.given(letter), at)


def _toot(key: str, letter: Letter, own: str, at: datetime, form: Form | None) -> Delivery:
    """A mention, or a direct message; under our own post when it answers one."""
    id, ours = _number(at, key), letter.answers
    direct = not ours.public if ours else crc32(letter.text.encode()) % OFTEN_DIRECT == 0
    name, _, server = _handle(letter.address).partition("@")
    writer = {"id": str(crc32(letter.address.encode())), "username": name, "acct": f"{name}@{server}",
              "display_name": letter.name, "url": f"https://{server}/@{name}", "bot": False,
              "created_at": "2023-05-01T00:00:00.000Z"}
    mention = f'<span class="h-card"><a href="{US["url"]}" class="u-url mention">@<span>gemeente</span></a></span> '
    visibility = "direct" if direct else "public"
    status = _status(id, writer, mention + escape(letter.text), at, visibility, [_mention(US)])
    parts: dict[str, Any] = {"files": []}
    if ours:
        above = ours.external_id.rpartition("/")[2]
        status |= {"in_reply_to_id": above, "in_reply_to_account_id": US["id"]}
        said = _status(above, US, escape(ours.text), ours.at, visibility, [_mention(writer)])
        parts["answered"] = gather.settled(said)
    body = gather.body("post", HOME, status=gather.settled(status), **parts)
    return Delivery(gather.key(id), body, at, CONTENT_TYPE)


def _event(key: str, letter: Letter, own: str, at: datetime, form: Form | None) -> Delivery:
    """What the app for reports posts to our entrance."""
    files = [File(letter.photo, b64encode(post.photo()).decode(), "image/png")] if letter.photo else []
    event = Event(id=key, at=at, author=Person("email", letter.address, letter.name), subject=letter.subject,
                  text=letter.text, fields={"App": APP}, files=files,
                  answers_to=[letter.answers.external_id] if letter.answers else [])
    return Delivery(DeliveryKey(key), msgspec.json.encode(event), at, JSON)


def _note(key: str, letter: Letter, own: str, at: datetime, form: Form | None) -> Delivery:
    """What a colleague wrote down of a call, of somebody at the counter, or of a letter."""
    entry = desk.Entry(letter.text, letter.by, letter.subject, letter.name, phone=letter.phone)
    return Delivery(DeliveryKey(key), desk.body(entry), at, desk.CONTENT_TYPE)


def _line(key: str, letter: Letter, own: str, at: datetime, form: Form | None) -> Delivery:
    """One line of a visitor, as our own panel sends it."""
    line = sha256(key.encode()).hexdigest()[:16]
    about = {"name": letter.name, "language": "nl", "page": f"https://www.{DOMAIN}/contact"}
    return Delivery(chat.key(letter.address, line), chat.body(letter.address, line, letter.text), at, chat.CONTENT_TYPE,
                    {name: value for name, value in about.items() if value})


SOURCES = {"email": _mail, "web_form": _form, "mastodon": _toot, "webhook": _event, "desk": _note, "chat": _line}


def _number(at: datetime, key: str) -> str:
    few = crc32(key.encode()) if key else at.microsecond
    return str(int(at.timestamp() * 1000) << 16 | few & 0xffff)


def _handle(address: str) -> str:
    """Of a person whose e-mail address is known; a handle stays what it is."""
    return address if address.endswith(f"@{ELSEWHERE}") else f"{address.partition('@')[0]}@{ELSEWHERE}"


def _mention(account: dict[str, Any]) -> dict[str, Any]:
    return {name: account[name] for name in ("id", "username", "url", "acct")}


def _status(id: str, account: dict[str, Any], content: str, at: datetime, visibility: str,
            mentions: list[dict[str, Any]]) -> dict[str, Any]:
    """A post as the API gives it (docs.joinmastodon.org/entities/Status)."""
    return {"id": id, "created_at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z", "edited_at": None,
            "in_reply_to_id": None, "in_reply_to_account_id": None, "sensitive": False, "spoiler_text": "",
            "visibility": visibility, "language": "nl", "uri": f"{account['url']}/statuses/{id}",
            "url": f"{account['url']}/{id}", "content": f"<p>{content}</p>".replace("\n\n", "</p><p>"),
            "reblog": None, "account": account, "media_attachments": [], "mentions": mentions, "tags": [],
            "poll": None, "quote": None, "replies_count": 0, "reblogs_count": 0, "favourites_count": 0}
