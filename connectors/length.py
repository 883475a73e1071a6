"""How long a text is as a platform counts: the same on the server and, in `static/js/length.js`, while typing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from connectors import Capabilities

LINK = re.compile(r"https?://\S+", re.I)
HANDLE = re.compile(r"(?<![\w/@])@(\w+(?:[.-]\w+)*)@[\w.-]+\w", re.ASCII)
JOINER = "\u200d"


def counted(text: str, can: Capabilities) -> int:
    """Characters as people see them. A link counts `link_length`, whatever its own length, and of a @name@server only
    the name, where the platform counts so."""
    if can.link_length:
        text = LINK.sub("x" * can.link_length, text)
    if can.short_handles:
        text = HANDLE.sub(r"@\1", text)
    return _seen(unicodedata.normalize("NFC", text))


def addressed(text: str, names: Iterable[str]) -> str:
    """The text with before it the @names that it does not hold yet."""
    lacking = [f"@{name}" for name in names
               if not re.search(rf"(?<![\w@])@{re.escape(name)}(?![\w-]|[@.]\w)", text, re.I | re.ASCII)]
    return " ".join([*lacking, text])


def _seen(text: str) -> int:
    """Grapheme clusters, near enough: never fewer than the platform counts."""
    number, flags, joined = 0, 0, False
    for sign in text:
        flag = "\U0001f1e6" <= sign <= "\U0001f1ff"
        flags = flags + 1 if flag else 0
        extends = unicodedata.category(sign) in ("Mn", "Me") or sign == JOINER or "\U0001f3fb" <= sign <= "\U0001f3ff" \
            or "\U000e0020" <= sign <= "\U000e007f"
        if not (extends or joined or flag and flags % 2 == 0) or not number:
            number += 1
        joined = sign == JOINER
    return number
