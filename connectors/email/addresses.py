"""Addresses of a mail's header, read once and in one way: what is shown is what is used.

The display name is never identity. An address is identity in lower case, local part too: mail servers that tell
`Jan@` from `jan@` are not found in practice, people who type it in two ways are.
"""

from __future__ import annotations

import re

from connectors import Author
from connectors.email.charset import hides_something, one_line
from connectors.email.headers import words
from connectors.email.limits import ADDRESSES, NAME_CHARACTERS, Notes

_SIMPLE = re.compile(r'(?:"([^"\\]*)"\s*|([^"(),:;<>@\\]*))<([^\s"(),:;<>@\\\[\]]+@[^\s"(),:;<>@\\\[\]]+)>')
_ADDRESS = re.compile(r'(?:[^\s"(),:;<>@\\\[\]\x00-\x1f]+|"[^"\\\r\n]+")'
                      r'@(?:[^\s"(),:;<>@\\\[\]\x00-\x1f]+|\[[\w.:]+\])')
_PLAIN = re.compile(r'[^"(),:;<>\\=]+')
_ENCODED = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s]*\?=")
_IN_COMMENT = re.compile(r"[^()\\]+|\\.|[()\\]", re.S)
_ADDRESS_BYTES = 320
_AT_SIGNS = str.maketrans({"\uff20": "@", "\ufe6b": "@"})  # look like @ in a display name
_PLUS_TOKEN = re.compile(r"\+nr\.([A-Za-z0-9._-]{1,200})@", re.I)


def addresses(value: str, notes: Notes) -> list[Author]:
    """The mailboxes of a From, To or other address field, in order. What is no address has an empty one."""
    value = value.strip()
    if not value:
        return []
    if simple := _SIMPLE.fullmatch(value):
        return [_author(simple[1] or simple[2] or "", simple[3], notes)]
    if _ADDRESS.fullmatch(value):
        return [_author("", value, notes)]
    return _Scan(value, notes).run()[:ADDRESSES]


def reply_token(values: list[str]) -> str:
    """The token of our own reply address (`...+nr.<token>@...`) in the first of these fields that has one."""
    for value in values:
        if "+nr." in value.lower() and (found := _PLUS_TOKEN.search(value)):
            return found[1]
    return ""


def without_plus(address: str) -> str:
    """`info+nr.abc@x.example` as `info@x.example`: the mailbox a tagged address belongs to."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def names_another(author: Author) -> bool:
    """Whether the display name holds an address that is not the sender's own."""
    name = author.name.translate(_AT_SIGNS)
    if "@" not in name:
        return False
    found = (word.strip("<>()[]\"',;:.").lower() for word in name.split() if "@" in word)
    return any(_ADDRESS.fullmatch(word) and word != author.address for word in found)


class _Scan:
    """One pass over a field that is not simple: quotes, comments, groups, lists, and their broken forms.

    What is opened and never closed is an ordinary character; that is looked up once, so time stays linear.
    """

    def __init__(self, value: str, notes: Notes):
        self.value, self.notes = value, notes
        self.found: list[Author] = []
        self.phrase: list[str] = []
        self.comments: list[str] = []
        self.angle: str | None = None
        self.unclosed: set[str] = set()
        self.last_group_end = value.rfind(";")

    def run(self) -> list[Author]:
        position = 0
        while position < len(self.value) and len(self.found) < ADDRESSES:
            position = self._step(position)
        self._flush()
        return self.found

    def _step(self, at: int) -> int:
        character = self.value[at]
        if (plain := _PLAIN.match(self.value, at)) or (plain := _ENCODED.match(self.value, at)):
            self.phrase.append(plain[0])
            return plain.end()
        if character in '"(<' and character not in self.unclosed:
            end = {'"': self._quoted, "(": self._comment, "<": self._angled}[character](at)
            if end:
                return end
            self.unclosed.add(character)
        if character == "," and self.angle is None and not any("@" in piece for piece in self.phrase[-3:]):
            self.phrase.append(character)  # `Jansen, Jan <jan@x.example>`: a name that should have been quoted
        elif character in ",;":
            self._flush()
        elif character == ":" and at < self.last_group_end:
            self.phrase.clear()  # the name of a group
        elif character not in '"<>':
            self.phrase.append(character)
        return at + 1

    def _quoted(self, at: int) -> int:
        position = at + 1
        while (end := self.value.find('"', position)) >= 0:
            slash = end - 1
            while self.value[slash] == "\\":
                slash -= 1
            if (end - 1 - slash) % 2 == 0:
                inner = self.value[at + 1:end]
                following = self.value[end + 1:end + 2]
                self.phrase.append(f'"{inner}"' if following == "@" else inner.replace("\\", ""))
                return end + 1
            position = end + 1
        return 0

    def _comment(self, at: int) -> int:
        depth = 0
        for piece in _IN_COMMENT.finditer(self.value, at):
            depth += (piece[0] == "(") - (piece[0] == ")")
            if depth == 0:
                self.comments.append(self.value[at + 1:piece.start()])
                return piece.end()
        return 0

    def _angled(self, at: int) -> int:
        end = self.value.find(">", at)
        if end < 0:
            return 0
        inside = self.value[at + 1:end]
        if inside and "@" not in inside:
            self.phrase.append(f"<{inside}>")
            return end + 1
        if self.angle is not None:
            self._flush()
        self.angle = inside
        return end + 1

    def _flush(self) -> None:
        name, angle = "".join(self.phrase).strip(" \t,"), self.angle
        comment = " ".join(self.comments)
        self.phrase, self.comments, self.angle = [], [], None
        if angle is not None:
            route = angle.rpartition(":")[2] if angle.startswith("@") else angle  # RFC 5322 4.4
            self.found.append(_author(name or comment, route, self.notes))
        elif _ADDRESS.fullmatch(name):
            self.found.append(_author(comment, name, self.notes))
        elif name:
            inside = [word for word in name.split() if _ADDRESS.fullmatch(word)]
            address = inside[0] if len(inside) == 1 else ""
            rest = " ".join(word for word in name.split() if word != address).strip(", ")
            self.found.append(_author(rest or comment, address, self.notes))


def _author(name: str, address: str, notes: Notes) -> Author:
    name = words(name, notes)
    if hides_something(name):
        notes.add("hidden-characters")
    name = one_line(name, notes)[:NAME_CHARACTERS]
    address = _identity(address)
    if name.strip("'\"<>").lower() == address:
        name = ""
    return Author("email", address, name)


def _identity(address: str) -> str:
    """The address in lower case, an international domain as the network writes it; empty when it is none."""
    address = "".join(address.split()).strip("'\x00").removeprefix("mailto:").rstrip(".")
    if len(address) > _ADDRESS_BYTES or not _ADDRESS.fullmatch(address):
        return ""
    address = address.lower()
    if address.isascii():
        return address
    local, _, domain = one_line(address, Notes()).rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return f"{local}@{domain}"
