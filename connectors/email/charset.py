"""Bytes to text when the label is missing, unknown or lying.

The order is what was declared, then UTF-8, then windows-1252. Guessing by statistics is not used: it takes short
Dutch text for Mac Central European.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from connectors.email.limits import Notes

# Labels that stand for more than they say: senders use the larger set, as browsers do (WHATWG Encoding).
_WIDER = {"iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
          "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
_WESTERN = frozenset({"ascii", "cp1252", "iso8859-15", "cp1254", "iso8859-2", "cp1250"})
_UTF16 = frozenset({"utf-16", "utf-16-le", "utf-16-be"})
_REFUSED = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "unicode_escape",
                      "raw_unicode_escape", "mbcs", "oem"})  # not charsets, or slow on hostile text
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,39}")
_EVERY_ASCII = bytes(range(1, 127)) + b"\x1b$B$4\x1b(B ~{<:~}"  # with the shifts of ISO 2022 and HZ

_CONTROLS = {n: None for n in range(32) if n not in (9, 10)} | {0x0C: 0x0A, 0x7F: None}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_C1 = {n: bytes([n]).decode("cp1252", "ignore") for n in range(0x80, 0xA0)} | {0x85: "\n"}
# Characters that are invisible or turn the direction of a line: soft hyphen, zero width, bidi, tags.
_INVISIBLE = re.compile("[\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
                        "\U000e0000-\U000e007f]")


class _Codec(NamedTuple):
    name: str  # "" when nothing fits
    known: bool  # the label itself is a charset
    transparent: bool  # ASCII bytes mean ASCII


def decode(data: bytes, label: str, notes: Notes) -> str:
    """The text of `data`. Notes `unknown-charset` or `wrong-charset` when the label was no help."""
    codec = _codec(label)
    if codec.transparent and data.isascii():
        return data.decode("ascii")
    if not label:
        return _undeclared(data)
    if not codec.known:
        notes.add("unknown-charset")
        return _first(data, ("utf-8", codec.name)) or _western(data)
    if codec.name in _UTF16:
        return _utf16(data, codec.name, notes)
    if codec.name in _WESTERN and (text := _first(data, ("utf-8",))):
        notes.add("wrong-charset")  # bytes that are sound UTF-8 are not by chance
        return text
    if text := _first(data, (codec.name,)):
        return text
    notes.add("wrong-charset")
    if codec.name in _WESTERN or codec.name == "utf-8":
        return _undeclared(data)
    return _first(data, ("utf-8",)) or _mended(data, codec.name) or _western(data)


def clean(text: str, notes: Notes) -> str:
    """Text that a database and a screen can take: `\\n` line ends, no NUL or other controls, NFC."""
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(text):
        if "\x00" in text:
            notes.add("nul-bytes")
        text = text.translate(_CONTROLS).translate(_C1).lstrip("\ufeff")
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def one_line(text: str, notes: Notes) -> str:
    """A header value or a name: cleaned, white space made single, nothing invisible or that turns the line."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join(clean(text, notes).split())


def hides_something(text: str) -> bool:
    """Whether text holds characters that are invisible or turn the direction of a line."""
    return not text.isascii() and bool(_INVISIBLE.search(text))


@lru_cache(maxsize=256)
def _codec(label: str) -> _Codec:
    wanted = label.strip().strip("\"'").lower().replace(" ", "-")
    if not wanted:
        return _Codec("", False, True)
    name, known = _look_up(wanted), True
    if not name:
        known = False
        bare = re.sub(r"^(?:charset=|x-|iso-|cp-?)+", "", wanted)
        name = _look_up(bare) or _look_up("cp" + bare)
    return _Codec(name, known, _is_transparent(name))


def _look_up(label: str) -> str:
    if not _LABEL.fullmatch(label):
        return ""
    try:
        found = codecs.lookup(label)
    except (LookupError, ValueError, UnicodeError, ImportError):
        return ""
    if not found._is_text_encoding or found.name in _REFUSED:
        return ""
    return _WIDER.get(found.name, found.name)


def _is_transparent(name: str) -> bool:
    try:
        return _EVERY_ASCII.decode(name or "ascii") == _EVERY_ASCII.decode("ascii")
    except UnicodeError:
        return False


def _first(data: bytes, codec_names: tuple[str, ...]) -> str:
    for name in codec_names:
        try:
            return data.decode(name) if name else ""
        except UnicodeError:
            continue
    return ""


def _undeclared(data: bytes) -> str:
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", "replace")
    return _first(data, ("utf-8",)) or _mended(data, "utf-8") or _western(data)


def _mended(data: bytes, name: str) -> str:
    """Decoded with marks for what is broken; empty when more is broken than sound."""
    text = data.decode(name, "replace")
    broken = text.count("\ufffd")
    sound = sum(1 for character in text if character > "\x7f") - broken
    return text if broken < sound else ""


def _western(data: bytes) -> str:
    return data.decode("cp1252", "replace")


def _utf16(data: bytes, name: str, notes: Notes) -> str:
    """UTF-16 with or without byte order mark, or text that only says so (it then holds no zero bytes)."""
    zeros = data.count(0)
    if not zeros and (text := _first(data, ("utf-8",))):
        notes.add("wrong-charset")
        return text
    if data[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and zeros:
        name = "utf-16-be" if data[::2].count(0) * 2 > zeros else "utf-16-le"
    return data.decode(name, "replace")
