"""Registrations of Open Formulieren: plugin `generic_json`, as of version 3 (2025) and 4 (2026).

The body is {values, values_schema, metadata, metadata_schema}. Titles and order come from the schema; groups nest;
a single file is {file_name, content (base64)} or null, several are a list of those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors import Attachment, Delivery, ExternalId, Incoming
from connectors.web_form import values

DEEPEST = 8  # groups within groups
LONG_ANSWER = 60  # characters; the longest answer above this is the text of the message
LONGEST_KEY = 200  # characters of a public reference
# how somebody signed in: the attribute that Open Formulieren names, and the words people know
TRUST = {"bsn": "DigiD", "digid": "DigiD", "kvk": "eHerkenning", "eherkenning": "eHerkenning", "": "niet ingelogd",
         "none": "niet ingelogd", "pseudo": "eIDAS", "eidas": "eIDAS"}
_EMAIL_KEYS = ("email", "emailadres", "mailadres", "mail")
_PHONE_KEYS = ("telefoon", "telefoonnummer", "phone", "phonenumber", "mobiel")
_NAME_KEYS = (("voornaam", "firstname", "voornamen"), ("tussenvoegsel", "tussenvoegsels", "infix"),
              ("achternaam", "lastname"))
_WHOLE_NAME_KEYS = ("naam", "name", "volledigenaam", "fullname")


class Registration(msgspec.Struct):
    """The body as it is sent; what is in it depends on the form."""

    values: dict[str, Any]
    values_schema: dict[str, Any] = {}
    metadata: dict[str, Any] = {}


class _Reference(msgspec.Struct, frozen=True):
    public_reference: str = ""


class _Head(msgspec.Struct, frozen=True):
    metadata: _Reference = _Reference()


_decode = msgspec.json.Decoder(Registration).decode
_head = msgspec.json.Decoder(_Head).decode


def key(body: bytes) -> str:
    """The public reference, equal on every try of one registration; empty when the body has none."""
    try:
        return _head(body).metadata.public_reference.strip()[:LONGEST_KEY]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def read(delivery: Delivery) -> Incoming:
    """The message. Raises `msgspec.MsgspecError` or ValueError for anything else."""
    sent = _decode(delivery.body)
    found = _Found()
    found.walk(sent.values, sent.values_schema, ())
    trust = str(sent.metadata.get("auth_type") or "")
    details = [("Ingelogd met", TRUST.get(trust.lower(), trust)),
               *((label, value) for label, value in found.details if value and value != found.text)]
    return Incoming(
        ExternalId(key(delivery.body) or delivery.key), _at(sent.metadata, delivery.received_at),
        values.author(found.name, found.email or found.first(_EMAIL_KEYS), found.first(_PHONE_KEYS)),
        subject=str(sent.metadata.get("form_name") or ""), text=found.text, details=tuple(details),
        attachments=tuple(found.files), problems=(values.MASKED,) if found.masked else ())


def files(body: bytes) -> list[str]:
    """The contents of the files, still in base64; none when the body cannot be read."""
    found: list[str] = []

    def look(value: Any) -> None:
        if _is_file(value):
            found.append(value["content"])
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                look(inner)

    try:
        look(_decode(body).values)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    return found


def same(one: bytes, other: bytes) -> bool:
    """Whether two bodies hold the same values: a second try has another time in its metadata."""
    try:
        return _decode(one).values == _decode(other).values
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False


@dataclass(slots=True)
class _Found:
    """What a walk through the values gathers."""

    details: list[tuple[str, str]] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    plain: dict[str, str] = field(default_factory=dict)  # by key in lower case, the first of each
    email: str = ""
    text: str = ""  # the longest answer, when one is long

    masked: bool = False

    @property
    def name(self) -> str:
        parts = [self.first(keys) for keys in _NAME_KEYS]
        return " ".join(filter(None, parts)) or self.first(_WHOLE_NAME_KEYS)

    def first(self, keys: tuple[str, ...]) -> str:
        """The first of these that was filled in."""
        return next((self.plain[key] for key in keys if self.plain.get(key)), "")

    def walk(self, found: dict[str, Any], schema: Any, labels: tuple[str, ...]) -> None:
        """Every value by the order of its schema, then what the schema does not know."""
        if len(labels) > DEEPEST:
            raise ValueError("groups too deep")
        properties = _properties(schema)
        for name in [*(name for name in properties if name in found), *(n for n in found if n not in properties)]:
            inner = properties.get(name)
            inner = inner if isinstance(inner, dict) else {}
            self._value(name, found[name], inner, (*labels, str(inner.get("title") or name)))

    def _value(self, name: str, value: Any, schema: dict[str, Any], labels: tuple[str, ...]) -> None:
        if _is_file(value):
            self._file(value, labels)
        elif isinstance(value, dict) and value and all(isinstance(part, bool) for part in value.values()):
            chosen = ", ".join(_title(schema, part) for part, ticked in value.items() if ticked)
            self._add(name, chosen, schema, labels)
        elif isinstance(value, dict):
            self.walk(value, schema, labels)
        elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
            for label, part in _numbered(labels, value):
                self._value(name, part, schema.get("items") or {}, label)
        else:
            self._add(name, values.shown(value), schema, labels)

    def _file(self, value: dict[str, str], labels: tuple[str, ...]) -> None:
        self.files.append(values.file(value["file_name"], value["content"]))
        self.details.append((_label(labels), value["file_name"]))

    def _add(self, name: str, text: str, schema: dict[str, Any], labels: tuple[str, ...]) -> None:
        hidden = schema.get("format") == "nl-bsn" or values.names_bsn(name, labels[-1])
        shown = values.MASK if hidden and text else values.mask(_dated(text, schema))
        self.details.append((_label(labels), shown))
        self.masked = self.masked or values.MASK in shown
        self.plain.setdefault(name.lower().replace("_", "").replace("-", ""), shown)
        if schema.get("format") == "email":
            self.email = self.email or text
        if len(shown) > max(len(self.text), LONG_ANSWER):
            self.text = shown


def _properties(schema: Any) -> dict[str, Any]:
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def _is_file(value: Any) -> bool:
    return (isinstance(value, dict) and set(value) == {"file_name", "content"}
            and all(isinstance(part, str) for part in value.values()))


def _title(schema: dict[str, Any], name: str) -> str:
    inner = _properties(schema).get(name)
    return str(inner.get("title") or name) if isinstance(inner, dict) else name


def _numbered(labels: tuple[str, ...], found: list[Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The parts of a repeated group, each with a number when there are several."""
    for number, part in enumerate(found, 1):
        yield ((*labels[:-1], f"{labels[-1]} {number}") if len(found) > 1 else labels), part


def _label(labels: tuple[str, ...]) -> str:
    return " › ".join(labels)


def _dated(text: str, schema: dict[str, Any]) -> str:
    if schema.get("format") == "date":
        try:
            return datetime.strptime(text, "%Y-%m-%d").strftime("%d-%m-%Y")
        except ValueError:
            return text
    return text


def _at(metadata: dict[str, Any], received_at: datetime) -> datetime:
    """When it was registered, never later than when we got it."""
    try:
        at = datetime.fromisoformat(str(metadata.get("registration_timestamp")))
    except ValueError:
        return received_at
    return min(at if at.tzinfo else at.replace(tzinfo=UTC), received_at)
