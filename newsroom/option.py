"""A connector's `Settings` as questions for an administrator, and the answers as settings again.

Everything is made from the dataclass itself: a new channel needs no screen of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, NamedTuple

from connectors import Secret, SignInNeeded

LONGEST_TEXT, LONGEST_SECRET, MOST_DIGITS = 2000, 8000, 9  # characters; a secret may be a key of several lines
KINDS = {"str": "text", "int": "number", "bool": "switch", "Secret": "secret", "tuple[str, ...]": "list"}
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
YES = ("1", "on", "true", "yes", "ja")


@dataclass(frozen=True, slots=True)
class Question:
    """One field of a connector's settings. `kind` is text, number, switch, secret or list (one a line)."""

    name: str
    label: str
    help: str
    group: str
    kind: str
    choices: tuple[str, ...]
    required: bool
    default: Any
    leads: bool  # the server that credentials go to


class Problem(NamedTuple):
    """What is wrong with an answer: the field, a catalogue key and its values."""

    field: str
    key: str
    values: dict[str, Any] = {}


def questions(settings: type) -> list[Question]:
    """The fields of a `Settings` class, in order."""
    found = []
    for f in fields(settings):
        name = f.type if isinstance(f.type, str) else getattr(f.type, "__name__", "")
        about = f.metadata
        default = f.default_factory() if f.default_factory is not MISSING else \
            "" if f.default is MISSING else f.default
        found.append(Question(f.name, about["label"], about["description"], about["group"], KINDS[name],
                              about["choices"], about["required"], default, about["leads"]))
    return found


def read(settings: type, given: Mapping[str, str],
         have: frozenset[str] = frozenset()) -> tuple[dict[str, Any], dict[str, str], list[Problem]]:
    """Answers from a form: plain values, the secrets that were filled in, and every problem at once.

    `have` are secrets that are set already: left empty they stay. A secret is in neither of the others' values.
    """
    values: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    problems: list[Problem] = []
    for question in questions(settings):
        text = given.get(question.name, "").strip()
        value, key = _value(question, text)
        if question.required and not text and question.name not in have:
            key = "problem.option.required"
        if key:
            problems.append(Problem(question.name, key, {"label": question.label}))
        elif question.kind != "secret":
            values[question.name] = value
        elif text:
            secrets[question.name] = text
    return values, secrets, problems


def make(settings: type, values: Mapping[str, Any], secrets: Mapping[str, str]) -> Any:
    """The settings as the connector takes them. What is no longer asked is left out.

    Raises `SignInNeeded`, which waits for an administrator, when something required is missing or does not fit.
    """
    known = {question.name: question for question in questions(settings)}
    given: dict[str, Any] = {name: tuple(value) if known[name].kind == "list" else value
                             for name, value in values.items() if name in known and known[name].kind != "secret"}
    given |= {name: Secret(text) for name, text in secrets.items() if name in known}
    missing = [question.label for question in known.values() if question.required and question.name not in given]
    if missing:
        raise SignInNeeded(f"Nog niet ingevuld: {', '.join(missing)}. Vul het in bij Beheer, Kanalen.")
    try:
        return settings(**given)
    except (ValueError, TypeError) as error:
        raise SignInNeeded(f"De instellingen passen niet bij elkaar: {error}") from error


def shown(question: Question, value: Any) -> str:
    """A value as it stands in its field."""
    if question.kind == "list":
        return "\n".join(value)
    return ("1" if value else "") if question.kind == "switch" else str(value)


def groups(asked: Sequence[Question]) -> dict[str, list[Question]]:
    """Questions by the heading they stand under, both in order."""
    found: dict[str, list[Question]] = {}
    for question in asked:
        found.setdefault(question.group, []).append(question)
    return found


def _value(question: Question, text: str) -> tuple[Any, str]:
    """The answer, or the key of what is wrong with it."""
    match question.kind:
        case "switch":
            return text.lower() in YES, ""
        case "secret":
            wrong = UNSTORABLE.search(text) or len(text) > LONGEST_SECRET
            return "", "problem.option.text" if wrong else ""
        case "number":
            number = text or str(question.default)
            wrong = not number.isascii() or not number.isdecimal() or len(number) > MOST_DIGITS
            return (0, "problem.option.number") if wrong else (int(number), "")
        case "list":
            lines = tuple(line.strip() for line in text.splitlines() if line.strip())
            return lines, "problem.option.text" if any(map(_unfit, lines)) else ""
    if question.choices and (text or question.default) not in question.choices:
        return "", "problem.option.choice"
    return text or question.default, "problem.option.text" if _unfit(text) else ""


def _unfit(text: str) -> bool:
    return len(text) > LONGEST_TEXT or CONTROL.search(text) is not None
