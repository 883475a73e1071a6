"""Transfer encodings undone: base64, quoted-printable, uuencode (RFC 2045 6). Each takes what is there."""

from __future__ import annotations

import binascii
import re

from connectors.email.limits import PARTS, Notes

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WHITE = b" \t\r\n\x00"
_UNCODED = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "7bits", "8bits", "none"})
_UUENCODE = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
_UU_BEGIN = re.compile(r"begin [0-7]{3,4} (\S[^\n]{0,250})")


def decoded(body: bytes, encoding: str, notes: Notes) -> bytes:
    """The content of a part's body. `encoding` is the Content-Transfer-Encoding as declared, in lower case."""
    if encoding in _UNCODED:
        return body
    if encoding == "base64":
        return base64(body, notes)
    if encoding == "quoted-printable":
        return quoted_printable(body)
    if encoding in _UUENCODE:
        return _uuencoded_part(body, notes)
    notes.add("unknown-encoding")
    return body


def base64(body: bytes, notes: Notes) -> bytes:
    """Base64 with line ends, noise, lost padding or several padded pieces. Plain text that only says so is kept."""
    letters = body.translate(None, _WHITE)
    noise = letters.translate(None, _BASE64 + b"=")
    if noise:
        notes.add("broken-base64")
        if len(noise) * 50 > len(letters):
            return _base64_before_text(body, notes)
        letters = letters.translate(None, bytes(set(noise)))
    if letters.find(b"=", 0, -2) < 0:
        return _base64_piece(letters, notes)
    return b"".join(_base64_piece(piece, notes) for piece in letters.split(b"=") if piece)


def quoted_printable(body: bytes) -> bytes:
    """Quoted-printable; white space at the end of a line was added on the way and goes (RFC 2045 6.7, 3)."""
    if b" \n" in body or b" \r\n" in body or b"\t\n" in body or b"\t\r\n" in body:
        body = b"\n".join(_without_trailing_white(line) for line in body.split(b"\n"))
    return binascii.a2b_qp(body)


def take_uuencoded(text: str, notes: Notes) -> tuple[str, list[tuple[str, bytes]]]:
    """Text without the uuencoded files written in it, and those files by name."""
    if "begin " not in text:
        return text, []
    kept: list[str] = []
    files: list[tuple[str, bytes]] = []
    lines = text.split("\n")
    position = 0
    while position < len(lines):
        begin = _UU_BEGIN.fullmatch(lines[position].rstrip())
        if begin and len(files) < PARTS and position + 1 < len(lines) and _uu_line(lines[position + 1]) is not None:
            content, position = _uu_file(lines, position + 1, notes)
            files.append((begin[1], content))
        else:
            kept.append(lines[position])
            position += 1
    return "\n".join(kept), files


def _base64_before_text(body: bytes, notes: Notes) -> bytes:
    """The base64 that some list or scanner wrote plain text under; the body itself when it never was base64."""
    lines = []
    for line in body.split(b"\n"):
        letters = line.translate(None, _WHITE)
        if letters.translate(None, _BASE64 + b"="):
            break
        lines.append(letters)
    letters = b"".join(lines)
    if len(letters) % 4 or not (letters.endswith(b"=") or len(letters) >= 60):
        return body
    return _base64_piece(letters, notes)


def _base64_piece(letters: bytes, notes: Notes) -> bytes:
    letters = letters.rstrip(b"=")
    if len(letters) % 4 == 1:
        notes.add("broken-base64")
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _without_trailing_white(line: bytes) -> bytes:
    return line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t")


def _uuencoded_part(body: bytes, notes: Notes) -> bytes:
    rest, files = take_uuencoded(body.decode("latin-1").replace("\r\n", "\n"), notes)
    if not files:
        notes.add("broken-uuencode")
        return body
    return files[0][1]


def _uu_file(lines: list[str], position: int, notes: Notes) -> tuple[bytes, int]:
    """Content from the first line after `begin`, and the line after `end`. Stops where the code stops."""
    content = bytearray()
    while position < len(lines):
        line = lines[position].rstrip("\r")
        if line.rstrip() == "end":
            return bytes(content), position + 1
        piece = _uu_line(line)
        if piece is None:
            break
        content += piece
        position += 1
    notes.add("broken-uuencode")
    return bytes(content), position


def _uu_line(line: str) -> bytes | None:
    """One line decoded; None when its length does not agree with its first character."""
    if not line or line == "`":
        return b""
    if not line.isascii() or not " " <= line[0] <= "`":
        return None
    length = (ord(line[0]) - 32) & 63
    expected = (length + 2) // 3 * 4
    if not expected <= len(line) - 1 <= expected + 2:
        return None
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return None
