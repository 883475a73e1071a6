"""What a file is by what is in it: its name and the browser's word do not count."""

from __future__ import annotations

import io
import re
import zipfile

_STARTS = ((b"%PDF-", "application/pdf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"),
           (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"))
_BOXES = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"msf1": "image/heif",
          b"avif": "image/avif"}
_OFFICE = {"word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
           "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
           "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation"}
_OPEN_DOCUMENT = re.compile(rb"application/vnd\.oasis\.opendocument\.(text|spreadsheet|presentation)")
_ENTRIES = 5000  # names in a zip that are looked at


def kind_of(content: bytes) -> str:
    """The type by what is in the file; empty for one that we do not take. Its name and the browser's word do not
    count: a page or program in disguise is never served as something a browser would run."""
    for start, kind in _STARTS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return _BOXES.get(content[8:12], "")
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    return _text(content)


def _office(content: bytes) -> str:
    if found := _OPEN_DOCUMENT.match(content, 38):  # the first entry: mimetype, not compressed
        return found[0].decode()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {info.filename for info in archive.infolist()[:_ENTRIES]}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
        return ""
    if any(name.endswith("vbaProject.bin") for name in names):
        return ""  # macros
    return next((kind for part, kind in _OFFICE.items() if part in names), "")


def _text(content: bytes) -> str:
    """Plain text: UTF-8 without control characters, and not the beginning of a page or a program."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    if re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text) or re.match(r"\s*(<|#!)", text):
        return ""
    return "text/plain"
