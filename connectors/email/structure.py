"""A mail cut into its parts (RFC 2046), over the bytes as they came, so that files stay exact.

From the outside in: an outer boundary always ends an inner part, whatever the inner part claims. Depth and number
are bounded, and each level is searched once, so time is linear in the size of the mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from connectors.email import headers
from connectors.email.charset import decode, one_line
from connectors.email.encoding import decoded
from connectors.email.headers import Headers, words
from connectors.email.limits import DEPTH, PARTS, Notes

_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]+)\s*/\s*([a-z0-9!#$&^_.+*-]+)")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.S)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")  # RFC 2231: name*0*
_LOOKS_LIKE_BOUNDARY = re.compile(rb"\n--([^\s][^\r\n]{0,198}?)[ \t]*\r?\n(?i:content-[a-z-]{2,30}:)")
_MULTIPART_ENCODINGS = ("base64", "quoted-printable")


@dataclass(slots=True)
class Part:
    """One part, as a range of `raw`: nothing is copied until it is read. `children` is for a multipart only."""

    headers: Headers
    type: str
    parameters: dict[str, str]
    disposition: str
    filename: str  # decoded, as the sender gave it
    content_id: str
    encoding: str
    raw: bytes
    start: int
    end: int
    header_end: int  # in the bytes the part was read from; `raw` may since be a decoded body
    children: list[Part] = field(default_factory=list)
    preamble_end: int = 0

    @property
    def body(self) -> bytes:
        """Not yet decoded."""
        return self.raw[self.start:self.end]

    @property
    def main_type(self) -> str:
        return self.type.partition("/")[0]

    def content(self, notes: Notes) -> bytes:
        return decoded(self.body, self.encoding, notes)

    def text(self, notes: Notes) -> str:
        return decode(self.content(notes), self.parameters.get("charset", ""), notes)


def read(raw: bytes, notes: Notes) -> Part:
    """The mail in `raw` with everything in it."""
    return _read(raw, 0, len(raw), "text/plain", 0, notes)


def parameters(value: str, notes: Notes) -> dict[str, str]:
    """The parameters of a Content-Type or Content-Disposition, RFC 2231 pieces joined, by lower-case name."""
    if ";" not in value:
        return {}
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for found in _PARAMETER.finditer(value):
        name, content = found[1].lower(), _unquoted(found[2])
        section = _SECTION.fullmatch(name) if "*" in name else None
        if section:
            pieces.setdefault(section[1], []).append((int(section[2] or 0), bool(section[3]), content))
        else:
            plain.setdefault(name, words(content, notes))
    return plain | {name: _joined(found, notes) for name, found in pieces.items()}


def _read(raw: bytes, start: int, end: int, default: str, depth: int, notes: Notes) -> Part:
    found, body = headers.read(raw, start, end, notes)
    kind = found.raw("content-type")
    given = _parameters(kind) if len(kind) < 200 and "=?" not in kind else parameters(kind, notes)
    placed = found.raw("content-disposition")
    named = parameters(placed, notes).get("filename") or given.get("name", "")
    found.hint = given.get("charset", "")
    part = Part(
        found, _content_type(kind, default), given, placed.partition(";")[0].strip().lower(), named,
        content_id=one_line(found.raw("content-id"), notes).strip("<> "),
        encoding=found.raw("content-transfer-encoding").partition(";")[0].strip(" \"'").lower(),
        raw=raw, start=body, end=end, header_end=body,
    )
    notes.parts += 1
    if part.main_type == "multipart":
        _open(part, depth, notes)
    return part


@lru_cache(maxsize=256)
def _parameters(value: str) -> dict[str, str]:
    return parameters(value, Notes())


def _content_type(value: str, default: str) -> str:
    if not value:
        return default
    value = value.lower()
    if found := _TYPE.match(value):
        return f"{found[1]}/{found[2]}"
    return "text/html" if value.startswith(("html", "text; html")) else "text/plain"  # RFC 2045 5.2


def _unquoted(value: str) -> str:
    value = value.strip()
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value.strip('"')) if "\\" in value else value.strip('"')


def _joined(pieces: list[tuple[int, bool, str]], notes: Notes) -> str:
    """RFC 2231: sections in the order of their numbers; the first may name a charset."""
    data, charset = bytearray(), ""
    for number, extended, content in sorted(pieces, key=lambda piece: piece[0]):
        if extended and number == 0 and content.count("'") >= 2:
            charset, _, content = content.split("'", 2)
        encoded = content.encode("utf-8", "replace")
        data += unquote_to_bytes(encoded) if extended else encoded
    return decode(bytes(data), charset or "utf-8", notes)


def _open(part: Part, depth: int, notes: Notes) -> None:
    """Fill the children of a multipart; what has no usable boundary becomes plain text, visible as it is."""
    if depth >= DEPTH:
        notes.add("too-deep")
        part.type = "application/octet-stream"
        return
    ranges = _ranges(part, notes)
    default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
    for start, end in ranges:
        if notes.parts >= PARTS:
            notes.add("too-many-parts")
            break
        part.children.append(_read(part.raw, start, end, default, depth + 1, notes))
    if not ranges:
        notes.add("broken-boundary")
        part.type = "text/plain"


def _ranges(part: Part, notes: Notes) -> list[tuple[int, int]]:
    """What lies between the boundaries, by the declared boundary or else by one that can be seen."""
    if part.encoding in _MULTIPART_ENCODINGS:  # forbidden, and done
        part.raw = part.content(notes)
        part.start, part.end, part.encoding = 0, len(part.raw), ""
    boundary = part.parameters.get("boundary", "").strip().encode("utf-8", "replace")
    if boundary and (ranges := _split(part, boundary, notes)):
        return ranges
    seen = _LOOKS_LIKE_BOUNDARY.search(part.raw, max(part.start - 1, 0), part.end)
    if not seen:
        return []
    notes.add("wrong-boundary" if boundary else "no-boundary")
    return _split(part, seen[1], notes)


def _split(part: Part, boundary: bytes, notes: Notes) -> list[tuple[int, int]]:
    """Ranges between lines `--boundary`, also those after a first `--boundary--`: some mailers reuse one."""
    raw, ranges, begin, closed, position = part.raw, [], -1, False, part.start
    for at, after, last in _delimiters(part, b"--" + boundary):
        if begin >= 0:
            ranges.append((begin, _before_line_end(raw, begin, at)))
        elif not part.preamble_end:
            part.preamble_end = at
        if closed and not last:
            notes.add("parts-after-end")
        closed = closed or last
        begin, position = -1 if last else after, after
    if begin >= 0:
        ranges.append((begin, part.end))
        notes.add("missing-end")
    elif ranges and raw[position:part.end].strip():
        notes.add("text-after-end")
    return [span for span in ranges if span[1] > span[0]] or ranges


def _delimiters(part: Part, marker: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where each boundary line begins, where the next line begins, and whether it is a closing one."""
    raw, position = part.raw, part.start
    while (at := raw.find(marker, position, part.end)) >= 0:
        position = at + len(marker)
        if at > part.start and raw[at - 1] not in b"\r\n":
            continue
        line_end = raw.find(b"\n", position, part.end)
        line_end = part.end if line_end < 0 else line_end + 1
        rest = raw[position:line_end].strip()
        if rest in (b"", b"--"):
            yield at, line_end, bool(rest)
            position = line_end


def _before_line_end(raw: bytes, begin: int, end: int) -> int:
    """The line end before a boundary belongs to the boundary (RFC 2046 5.1.1)."""
    if end > begin and raw[end - 1] == 10:
        end -= 1
        if end > begin and raw[end - 1] == 13:
            end -= 1
    return end
