"""The header of a mail or of a part: split, unfolded and decoded, in time linear in its length.

Fields stay bytes until they are asked for. The standard library's policies are not used here: `policy.default`
costs eleven times as much and can be frozen by 64 kB of semicolons.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from typing import NamedTuple

from connectors.email.charset import decode, one_line
from connectors.email.encoding import base64
from connectors.email.limits import FIELD_BYTES, HEADER_BYTES, HEADER_LINES, REFERENCES, Notes

# Fields that are found even behind a thousand others, and that show where a header is.
KNOWN = frozenset(
    b"from to cc bcc sender reply-to subject date message-id in-reply-to references return-path mime-version "
    b"content-type content-transfer-encoding content-disposition content-id delivered-to received "
    b"auto-submitted precedence".split())
ORIGINAL_ID = "x-microsoft-original-message-id"  # what Message-ID was before Microsoft's SMTP server changed it
_ONCE = (b"sender", b"subject", b"date", b"message-id", b"reply-to", b"to", b"cc", b"in-reply-to", b"content-type")
_BLANK_LINE = re.compile(rb"\n\r*\n")
_FOLD = re.compile(rb"\n[ \t]+")
_FIELD_NAME = re.compile(rb"[!-9;-~]+[ \t]*")
_ANGLED = re.compile(r"<([^<>]{1,998})>")
_DUTCH_DATE = {"mrt": "Mar", "maart": "Mar", "mei": "May", "okt": "Oct", "oktober": "Oct", "januari": "Jan",
               "februari": "Feb", "juni": "Jun", "juli": "Jul", "augustus": "Aug"}
_EARLIEST_YEAR = 1990  # an older Date is a computer that lost its clock


class _Word(NamedTuple):
    start: int
    end: int
    charset: str
    kind: str  # "b" or "q"
    text: str


class Headers:
    """The fields of one header by lower-case name. Repeated fields keep their order."""

    __slots__ = ("_fields", "_notes", "hint")

    def __init__(self, fields: dict[bytes, list[bytes]], notes: Notes):
        self._fields = fields
        self._notes = notes
        self.hint = ""  # the body's charset: that of raw bytes in the header too, most likely

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._fields

    def __bool__(self) -> bool:
        return bool(self._fields)

    def names(self) -> list[str]:
        return [name.decode("ascii", "replace") for name in self._fields]

    def any_known(self) -> bool:
        return not KNOWN.isdisjoint(self._fields)

    def raw(self, name: str) -> str:
        """The first such field, unfolded, encoded words not yet decoded. Empty when absent."""
        values = self._fields.get(name.encode())
        return self._read(name, values[0]) if values else ""

    def every(self, name: str) -> list[str]:
        return [self._read(name, value) for value in self._fields.get(name.encode(), ())]

    def text(self, name: str) -> str:
        """The first such field as one clean line, encoded words decoded."""
        return one_line(words(self.raw(name), self._notes), self._notes)

    def _read(self, name: str, value: bytes) -> str:
        if len(value) > FIELD_BYTES:
            self._notes.add("header-too-long")
            value = value[-FIELD_BYTES:] if name == "references" else value[:FIELD_BYTES]
        if value.isascii():
            return value.decode("ascii").strip()
        try:
            return value.decode("utf-8").strip()
        except UnicodeDecodeError:
            self._notes.add("raw-8bit-header")
            return decode(value, self.hint or "cp1252", Notes()).strip()


def read(raw: bytes, start: int, end: int, notes: Notes) -> tuple[Headers, int]:
    """The header that begins at `start` and where the body after it begins."""
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return Headers({}, notes), start + (1 if raw[start] == 10 else 2)
    blank = _BLANK_LINE.search(raw, start, end)
    stop, body = (blank.start(), blank.end()) if blank else (end, end)
    if stop - start > HEADER_BYTES:
        notes.add("headers-too-large")
        stop = start + HEADER_BYTES
        body = blank.end() if blank else stop
    fields, broken = _fields(_lines(raw[start:stop], notes), notes)
    if broken:
        odd_line = _body_without_blank_line(raw, start, stop, notes)
        body = body if odd_line is None else odd_line
    return Headers(fields, notes), body


def words(value: str, notes: Notes) -> str:
    """RFC 2047 encoded words decoded; neighbours in one charset are joined as bytes, so that a character that
    was cut in two is whole again."""
    if "=?" not in value:
        return value
    out: list[str] = []
    pending, charset, position = bytearray(), "", 0
    for word in _encoded_words(value):
        gap = value[position:word.start]
        neighbours = position > 0 and not gap.strip()
        if not neighbours or word.charset != charset:
            out.append(decode(bytes(pending), charset, notes))
            pending.clear()
        if not neighbours:
            out.append(gap)
        pending += _content(word, notes)
        charset, position = word.charset, word.end
    out.append(decode(bytes(pending), charset, notes))
    out.append(value[position:])
    return "".join(out)


def message_ids(value: str) -> list[str]:
    """The ids in Message-ID, In-Reply-To or References, without brackets or white space, nearest last."""
    if not value:
        return []
    found = _ANGLED.findall(value) if "<" in value else [word for word in value.split() if "@" in word]
    ids = ("".join(one.replace("\x00", "").split()) for one in found)
    return [one.strip("<>,;") for one in ids if one][-REFERENCES:]


def parse_date(value: str) -> datetime | None:
    """A Date field with its own offset; None when it is no date, or one from before mail as we know it."""
    value = value.replace("\x00", "")[:200]
    found = parsedate_tz(value)
    if found is None:
        plain = [_DUTCH_DATE.get(word.strip(".,").lower(), word.strip(".")) for word in value.split()]
        found = parsedate_tz(" ".join(plain))
    if found is None:
        return _iso_date(value)
    if found[0] < _EARLIEST_YEAR:
        return None
    offset = found[9] or 0
    try:
        zone = timezone(timedelta(seconds=offset)) if offset else UTC
        read_at = datetime(*found[:5], min(found[5], 59), tzinfo=zone)
        read_at.astimezone(UTC)  # the ends of the calendar overflow here, not later
        return read_at
    except (ValueError, OverflowError):
        return None


def _iso_date(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _lines(block: bytes, notes: Notes) -> list[bytes]:
    """Unfolded lines. A lone carriage return is no line end, unless the whole header has no other."""
    if b"\r" in block:
        block = block.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
        block = block.replace(b"\r", b" " if b"\n" in block else b"\n")
    if b"\x00" in block:
        notes.add("nul-bytes")
        block = block.replace(b"\x00", b"")
    if b"\n " in block or b"\n\t" in block:
        block = _FOLD.sub(b" ", block)
    return block.split(b"\n")


def _fields(lines: list[bytes], notes: Notes) -> tuple[dict[bytes, list[bytes]], bool]:
    """Fields by name, and whether some line was no field."""
    fields: dict[bytes, list[bytes]] = {}
    broken = False
    count = 0
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not (name.isalnum() or _FIELD_NAME.fullmatch(name)):
            broken = broken or bool(line.strip()) and not line.startswith((b"From ", b">From "))
            continue
        name = name.strip().lower()
        count += 1
        if count > HEADER_LINES:
            notes.add("too-many-headers")
            if name not in KNOWN or name in fields:
                continue
        fields.setdefault(name, []).append(value)
    if any(len(fields[name]) > 1 for name in _ONCE if name in fields):
        notes.add("repeated-header")
    return fields, broken


def _body_without_blank_line(raw: bytes, start: int, stop: int, notes: Notes) -> int | None:
    """Where a body begins that no blank line announces; None when the odd line only interrupts the header."""
    position, odd = start, None
    while position < stop:
        line_end = raw.find(b"\n", position, stop)
        line_end = stop if line_end < 0 else line_end
        name, colon, _ = raw[position:line_end].partition(b":")
        if colon and _FIELD_NAME.fullmatch(name):
            if odd is not None and name.strip().lower() in KNOWN:
                notes.add("broken-header")
                return None
        elif odd is None and name[:1] not in b" \t\r" and not name.startswith((b"From ", b">From ")):
            odd = position
        position = line_end + 1
    if odd is not None:
        notes.add("no-blank-line")
    return odd


def _encoded_words(value: str) -> Iterator[_Word]:
    """Each `=?charset?B or Q?text?=`. Every search goes on where the last one stopped: never back."""
    start, close = value.find("=?"), 0
    while start >= 0:
        second = value.find("?", start + 2, start + 80)
        begin = second + 3
        following = value.find("=?", start + 2)
        if second < 0 or value[second + 1:begin].lower() not in ("b?", "q?"):
            start = following
            continue
        if close < begin:
            close = value.find("?=", begin)
        if close < 0:
            return
        following = value.find("=?", begin)
        if not begin <= following < close - 1:  # base64 may end in `=` before `?=`
            charset = value[start + 2:second].partition("*")[0].lower()
            yield _Word(start, close + 2, charset, value[second + 1].lower(), value[begin:close])
            following = value.find("=?", close + 2)
        start = following


def _content(word: _Word, notes: Notes) -> bytes:
    data = word.text.encode("utf-8", "replace")
    return base64(data, notes) if word.kind == "b" else a2b_qp(data.replace(b" ", b"_"), header=True)
