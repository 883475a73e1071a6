"""What was read, as the house keeps it: text that the database can hold, ids that an index can hold, and a time that
can be worked with. Done once for every item, before anything else looks at it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from connectors import Attachment, Author, ExternalId, Incoming, clean

LONGEST_TEXT = 2_000_000  # characters of a text or HTML body that are kept beside the original
LONGEST_LINE = 10_000  # characters of a subject, a name, or a value of a form
MOST_REFERENCES = 100  # messages that one may answer; the last ones count
MOST_PEOPLE = 500  # of each kind that one may be addressed to; the original has them all
INDEX_BYTES = 800  # a row of an index holds 2,704: three of these
BELIEVED = timedelta(days=2)  # a mail may have waited this long on its way
UNSEEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # turns gpj.exe into exe.jpg
SKEW = timedelta(minutes=10)  # clocks differ: not worth a word


def normal(item: Incoming, received: datetime, believed: bool) -> Incoming:
    """The item as it is kept. One that is `believed` keeps its time, however long ago."""
    at, note = _at(item.at, received, believed)
    many = ("too-many-recipients",) if max(map(len, (item.to, item.cc, item.reply_to))) > MOST_PEOPLE else ()
    return replace(
        item, external_id=ExternalId(indexable(item.external_id)), at=at, author=_person(item.author),
        subject=_line(item.subject), text=clean(item.text[:LONGEST_TEXT]), quoted=clean(item.quoted[:LONGEST_TEXT]),
        html=clean(item.html[:LONGEST_TEXT]),
        answers_to=tuple(ExternalId(indexable(one)) for one in item.answers_to[-MOST_REFERENCES:]),
        identity=indexable(item.identity), copy_of=indexable(item.copy_of), to=_people(item.to), cc=_people(item.cc),
        reply_to=_people(item.reply_to), attachments=tuple(map(_file, item.attachments)),
        details=tuple((_line(label), _line(value)) for label, value in item.details),
        problems=tuple(dict.fromkeys((*map(_line, item.problems), *note, *many))), language=_line(item.language)[:20],
        source_url=_url(item.source_url),
        bounced=tuple((_line(address), _line(reason)) for address, reason in item.bounced))


def indexable(text: str) -> str:
    """A text that an index can hold: a long one keeps its beginning and gets its hash, so that it stays unique."""
    raw = clean(text).encode()
    if len(raw) <= INDEX_BYTES:
        return raw.decode()
    return raw[:INDEX_BYTES - 65].decode(errors="ignore") + "#" + hashlib.sha256(raw).hexdigest()


def _at(at: datetime, received: datetime, believed: bool) -> tuple[datetime, tuple[str, ...]]:
    """A sender's clock may be years wrong: then the moment of receipt counts, for a message's place in the thread,
    its term and whether it reopens."""
    if (believed or received - BELIEVED <= at) and at <= received:
        return at, ()
    return received, () if received < at < received + SKEW or believed else ("odd-time",)


def _person(author: Author) -> Author:
    return Author(clean(author.kind), indexable(author.address), _line(author.name))


def _people(authors: tuple[Author, ...]) -> tuple[Author, ...]:
    return tuple(map(_person, authors[:MOST_PEOPLE]))


def _file(file: Attachment) -> Attachment:
    return replace(file, name=UNSEEN.sub("", _line(file.name)), type=_line(file.type),
                   content_id=_line(file.content_id), description=_line(file.description))


def _line(text: str) -> str:
    return clean(text[:LONGEST_LINE])


def _url(text: str) -> str:
    """An address that a browser may be led to; anything else could be a script."""
    try:
        return _line(text) if urlsplit(text).scheme in ("https", "http") else ""
    except ValueError:
        return ""
