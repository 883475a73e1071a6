"""Plain text out of what mails carry for it: HTML, format=flowed, old rich text."""

from __future__ import annotations

import html as entities
import re

import inscriptis
from inscriptis.model.config import ParserConfig

from connectors.email.charset import clean
from connectors.email.limits import (
    LAID_OUT_CHARACTERS,
    LAID_OUT_DEPTH,
    LAID_OUT_TAGS,
    TEXT_CHARACTERS,
    Notes,
)

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})(?=[\s/>])")
_ANY_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>")
_BLOCK_TAG = re.compile(r"<(?:/(?:p|div|tr|table|li|ul|ol|h[1-6]|blockquote)|br\s{0,3}/?)>", re.I)
_HIDDEN = re.compile(r"<(style|script|head|title)\b", re.I)
_VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "p", "li", "td", "tr", "th", "col", "area", "base",
                   "wbr", "option", "dd", "dt"})  # never closed, or closed by what follows
_CITED = re.compile(r"<blockquote\b[^<>]{0,500}(?:cite|quote)", re.I)
_BLOCKQUOTE = re.compile(r"<(/?)blockquote\b([^<>]{0,2000})>", re.I)
_OPEN, _CLOSE = "\ue000", "\ue001"  # private characters that mark where a cited block begins and ends
_CITED_DEPTH = 10  # deeper citations look alike
_MANY_BLANK = re.compile(r"\n{3,}")
_RICH = re.compile(r"<[a-zA-Z/-]{1,60}>")
_META_CHARSET = re.compile(rb"<meta[^<>]{0,200}?charset\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9._:-]{2,40})", re.I)
_CONFIG = ParserConfig(display_images=False, display_links=False)


def from_html(html: str, notes: Notes) -> str:
    """Readable text of an HTML body. Blocks marked as a citation get `>` before their lines, as in plain mail."""
    if not html.strip():
        return ""
    marked = _with_marks(html)
    text = _laid_out(marked) if _is_modest(marked) else None
    if text is None:
        text = _stripped(marked)
    if len(text) > TEXT_CHARACTERS:
        notes.add("text-too-long")
        text = text[:TEXT_CHARACTERS]
    return _tidy(_prefixed(clean(text, notes)))


def flowed(text: str, delete_space: bool) -> str:
    """format=flowed (RFC 3676) unwrapped: a line that ends in a space goes on in the next of the same depth."""
    out: list[str] = []
    open_depth = -1  # of the paragraph that still goes on; -1: none
    for line in text.split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare[1:] if bare.startswith(" ") else bare
        goes_on = bare.endswith(" ") and bare != "-- "
        if goes_on and delete_space:
            bare = bare[:-1]
        if depth == open_depth and bare != "-- ":
            out.append(bare)
        else:
            out.append(("\n" if out else "") + (">" * depth + " " if depth else "") + bare)
        open_depth = depth if goes_on else -1
    return "".join(out)


def from_rich(text: str) -> str:
    """text/enriched and text/richtext (RFC 1896) without their commands."""
    return _unescaped(_RICH.sub("", text.replace("<<", "&lt;").replace("<nl>", "\n"))).strip()


def html_charset(data: bytes) -> str:
    """The charset an HTML body names for itself, for when its part names none."""
    found = _META_CHARSET.search(data, 0, 2048)
    return found[1].decode("ascii") if found else ""


def _with_marks(html: str) -> str:
    html = html.replace(_OPEN, "").replace(_CLOSE, "")
    if not _CITED.search(html):
        return html
    cited: list[bool] = []  # of each block that is open

    def marked(found: re.Match[str]) -> str:
        if not found[1]:
            cited.append("cite" in found[2] or "quote" in found[2])
            return f"{found[0]}<div>{_OPEN}</div>" if cited[-1] else found[0]
        return f"<div>{_CLOSE}</div>{found[0]}" if cited and cited.pop() else found[0]

    return _BLOCKQUOTE.sub(marked, html)


def _is_modest(html: str) -> bool:
    """Whether laying out tables is affordable, and nothing would be lost by nesting."""
    if len(html) > LAID_OUT_CHARACTERS or html.count("<") > LAID_OUT_TAGS * 2:
        return False
    depth = 0
    for closing, name in _TAG.findall(html):
        if name.lower() not in _VOID:
            depth = max(depth - 1, 0) if closing else depth + 1
            if depth > LAID_OUT_DEPTH:
                return False
    return True


def _laid_out(html: str) -> str | None:
    try:
        return inscriptis.get_text(html, _CONFIG)
    except (ValueError, RecursionError, AssertionError, TypeError, AttributeError, IndexError):
        return None  # an encoding declared in text, or a table the layout cannot take


def _stripped(html: str) -> str:
    """Text without layout, for what is too long or too deep: linear."""
    kept, position = [], 0
    while found := _HIDDEN.search(html, position):
        kept.append(html[position:found.start()])
        end = html.lower().find(f"</{found[1].lower()}", found.end()) if len(kept) < 50 else -1
        position = found.end() if end < 0 else end
        if end < 0:
            break
    kept.append(html[position:])
    text = "".join(kept)
    text = _BLOCK_TAG.sub(lambda found: f"\n{found[0]}", " ".join(text.split()))
    text = text.replace(_OPEN, f"\n{_OPEN}\n").replace(_CLOSE, f"\n{_CLOSE}\n")
    return _unescaped(_ANY_TAG.sub("", text))


def _unescaped(text: str) -> str:
    try:
        return entities.unescape(text)
    except ValueError:  # a character number of thousands of digits
        return text


def _prefixed(text: str) -> str:
    if _OPEN not in text:
        return text
    out, depth = [], 0
    for line in text.split("\n"):
        mark = line.strip()
        if mark == _OPEN:
            depth += 1
        elif mark == _CLOSE:
            depth = max(depth - 1, 0)
        else:
            line = line.replace(_OPEN, "").replace(_CLOSE, "")
            out.append(">" * min(depth, _CITED_DEPTH) + " " + line.strip() if depth else line)
    return "\n".join(out)


def _tidy(text: str) -> str:
    """No trailing blanks, no spaces that only looked like lay-out, at most two empty lines together."""
    lines = (line.replace("\u00a0", " ").strip(" \t\u200b\u200c\u200d\u034f\u2007") for line in text.split("\n"))
    return _MANY_BLANK.sub("\n\n\n", "\n".join(lines)).strip("\n")
