"""The answers to a form: read as people type them, checked, and shown back as they will be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import phonenumbers

from connectors.web_form.submission import Answer
from connectors.web_form.values import REGION, email_address
from newsroom.form import Field, Form, in_language

Given = Mapping[str, str | list[str]]
POSTCODE = re.compile(r"([1-9][0-9]{3}) ?([A-Za-z]{2})")
DATES = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%d.%m.%Y", "%d %m %Y")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an answer: the field, and a key below `form.error.` with its values."""

    field: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)


def check(fields: Sequence[Field], given: Given, files: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Every mistake in the answers to these fields, in their order. `files` are the names added by field."""
    return [problem for one in fields for problem in _check(one, given, files)]


def shown(form: Form, given: Given, files: Mapping[str, Sequence[str]], language: str) -> list[Answer]:
    """What was answered, with labels and answers in the resident's language; nothing for what was left empty."""
    found = []
    for one in form.fields:
        text = ", ".join(files.get(one.name, ())) if one.type == "file" else _shown(one, given, language)
        if text:
            found.append(Answer(one.name, in_language(one.label, language), text, one.meaning))
    return found


def needed(one: Field, given: Given) -> bool:
    """Whether an answer is required, given the other answers."""
    return one.required or bool(one.required_if) and given.get(one.required_if[0]) == one.required_if[1]


def options(one: Field, language: str) -> list[tuple[str, str]]:
    """(value, text) of each answer to choose from."""
    return [(in_language(option, "nl"), in_language(option, language)) for option in one.options]


def _check(one: Field, given: Given, files: Mapping[str, Sequence[str]]) -> list[Problem]:
    if one.type == "file":
        return [Problem(one.name, "no_file")] if needed(one, given) and not files.get(one.name) else []
    text = _text(one, given)
    if not text:
        if not needed(one, given):
            return []
        return [Problem(one.name, "no_choice" if one.options else f"no_{one.type}"
                        if one.type in ("email", "phone") else "empty")]
    if one.options:
        known = {value for value, _ in options(one, "nl")}
        chosen = given.get(one.name, [])
        return [] if set(chosen if isinstance(chosen, list) else [chosen]) <= known else \
            [Problem(one.name, "no_choice")]
    if len(text) > one.longest:
        return [Problem(one.name, "too_long", {"most": one.longest, "n": len(text)})]
    wrong = _FORMS[one.type](text) if one.type in _FORMS else ""
    return [Problem(one.name, wrong)] if wrong else []


def _text(one: Field, given: Given) -> str:
    value = given.get(one.name, "")
    return (", ".join(value) if isinstance(value, list) else value).strip()


def _shown(one: Field, given: Given, language: str) -> str:
    value = given.get(one.name, "")
    if one.options:
        words = dict(options(one, language))
        return ", ".join(words.get(part, part) for part in (value if isinstance(value, list) else [value]) if part)
    text = _text(one, given)
    if one.type == "date" and (day := _date(text)):
        return day.strftime("%d-%m-%Y")
    if one.type == "postcode" and (found := POSTCODE.fullmatch(text)):
        return f"{found[1]} {found[2].upper()}"
    return text


def _email(text: str) -> str:
    if email_address(text):
        return ""
    return "email" if "@" in text else "email_without_at"


def _phone(text: str) -> str:
    try:
        return "" if phonenumbers.is_possible_number(phonenumbers.parse(text, REGION)) else "phone"
    except phonenumbers.NumberParseException:
        return "phone"


def _date(text: str) -> date | None:
    for pattern in DATES:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None


_FORMS = {"email": _email, "phone": _phone, "date": lambda text: "" if _date(text) else "date",
          "postcode": lambda text: "" if POSTCODE.fullmatch(text) else "postcode"}
