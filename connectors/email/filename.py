"""File names as they may be shown: one component, one line, nothing hidden. Never used as a path."""

from __future__ import annotations

from connectors.email.charset import hides_something, one_line
from connectors.email.headers import words
from connectors.email.limits import NAME_CHARACTERS, Notes

_EXTENSIONS = {
    "application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif",
    "image/heic": ".heic", "image/tiff": ".tif", "image/webp": ".webp", "text/plain": ".txt", "text/html": ".html",
    "text/csv": ".csv", "text/calendar": ".ics", "text/vcard": ".vcf", "message/rfc822": ".eml",
    "application/zip": ".zip", "application/ms-tnef": ".dat", "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s", "application/pgp-signature": ".asc", "video/mp4": ".mp4",
    "audio/mpeg": ".mp3",
}


def safe_name(given: str, content_type: str, number: int, notes: Notes) -> str:
    """`given` made fit to show, or a name by type and number when there is none."""
    name = words(given, notes) if "=?" in given else given
    if hides_something(name) or "/" in name or "\\" in name or "\x00" in name:
        notes.add("unsafe-file-name")
    name = one_line(name.replace("\\", "/").rpartition("/")[2], notes)
    if name.strip(". ") == "":
        return f"bijlage-{number}{_EXTENSIONS.get(content_type, '')}"
    if len(name) > NAME_CHARACTERS:
        stem, dot, extension = name.rpartition(".")
        extension = dot + extension if stem and len(extension) <= 12 else ""
        name = name[:NAME_CHARACTERS - len(extension)] + extension
    return name
