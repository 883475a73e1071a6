"""What the three kinds of form share: who wrote it, files, and citizen service numbers out of sight."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from typing import Any

import phonenumbers

from connectors import Attachment, Author

MASK = "•••••••••"  # in place of a citizen service number (BSN)
MASKED = "bsn-masked"  # in Incoming.problems
REGION = "NL"  # of a telephone number without a country
_BSN = re.compile(r"(?<![\w+.,-])(\d{4})[ .]?(\d{2})[ .]?(\d{3})(?![\w-])")
_BSN_NAME = re.compile(r"(?<![a-z])(bsn|sofi(nummer)?|burgerservicenummer)(?![a-z])", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\.]+(\.[^\s@<>,;:\"()\[\]\\.]+)+")
_CHECK = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def author(name: str, email: str, phone: str) -> Author:
    """Who wrote: by e-mail address when there is one, else by telephone, else somebody unknown."""
    name = " ".join(name.split())[:200]
    if address := email_address(email):
        return Author("email", address, name)
    if number := phone_number(phone):
        return Author("phone", number, name)
    return Author("form", "", name)


def email_address(text: str) -> str:
    """The address in lower case, or nothing when it is none (RFC 5321: at most 254 characters)."""
    text = text.strip()
    return text.lower() if len(text) <= 254 and _EMAIL.fullmatch(text) else ""


def phone_number(text: str) -> str:
    """The number as E.164 (+31612345678), or nothing when it is none."""
    if not text.strip() or len(text) > 40:
        return ""
    try:
        number = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mask(text: str) -> str:
    """The text without citizen service numbers: nine digits, also in groups, that pass the eleven test."""
    return _BSN.sub(lambda found: MASK if is_bsn("".join(found.groups())) else found[0], text)


def is_bsn(digits: str) -> bool:
    """Whether nine digits pass the eleven test of the citizen service number. One in eleven of all numbers does."""
    total = sum(weight * int(digit) for weight, digit in zip(_CHECK, digits, strict=True))
    return total % 11 == 0 and digits != "000000000"


def names_bsn(*names: str) -> bool:
    """Whether a field's key or label says that it holds a citizen service number."""
    return any(_BSN_NAME.search(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)) for name in names)


def file(name: str, content: str, type: str = "") -> Attachment:
    """A file from base64 text. Raises ValueError when it is not."""
    try:
        raw = base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{name}: not base64") from error
    return Attachment(name, type or mimetypes.guess_type(name)[0] or "application/octet-stream", raw)


def shown(value: Any) -> str:
    """A value as people read it: yes or no in words, lists with commas, nothing as an empty string."""
    match value:
        case None:
            return ""
        case bool():
            return "ja" if value else "nee"
        case list() | tuple():
            return ", ".join(filter(None, map(shown, value)))
        case dict():
            return ", ".join(f"{key}: {text}" for key, inner in value.items() if (text := shown(inner)))
    return str(value)
