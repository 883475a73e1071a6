"""A form as it stands in the editor of Beheer: every field of the page, also what is not right yet."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from newsroom.form import MOST_FIELDS, Field, Form, Rule, in_language
from newsroom.web.fields import Fields

MOST_RULES = 50  # answers of one question that can decide where a form goes


def read(sent: Fields, old: Form) -> Form:
    """The form in the body. Numbers that are none become -1, which is wrong everywhere."""
    fields = tuple(_field(sent, number) for number in range(min(_number(sent.text("count")), MOST_FIELDS)))
    fields = tuple(_named(one, fields[:number]) for number, one in enumerate(fields))
    return Form(
        old.id, sent.text("slug").strip(), sent.text("title").strip(), _number(sent.text("channel")), old.version,
        sent.on("published"), sent.text("intro").strip(), sent.text("help").strip(), _lines(sent.text("steps")), fields,
        _number(sent.text("team")) or None, tuple(sorted(set(sent.numbers("labels")))),
        tuple(rule for number, one in enumerate(fields) for rule in _rules(sent, number, one)))


def moved(form: Form, verb: str, which: int) -> tuple[Form, int]:
    """The form after a button beside a question, and the number of the question to look at."""
    fields = list(form.fields)
    match verb:
        case "add" if len(fields) < MOST_FIELDS:
            fields.append(Field(_free("veld", fields), "", step=max(1, len(form.steps))))
            which = len(fields) - 1
        case "up" if 0 < which < len(fields):
            fields.insert(which - 1, fields.pop(which))
            which -= 1
        case "down" if 0 <= which < len(fields) - 1:
            fields.insert(which + 1, fields.pop(which))
            which += 1
        case "drop" if 0 <= which < len(fields):
            fields.pop(which)
            which = max(0, which - 1)
    return replace(form, fields=tuple(fields)), which


def rule_of(form: Form, name: str, answer: str) -> Rule:
    """The rule for an answer; an empty one when it changes nothing."""
    return next((rule for rule in form.rules if (rule.field, rule.answer) == (name, answer)), Rule(name, answer))


def _field(sent: Fields, number: int) -> Field:
    def text(name: str) -> str:
        return sent.text(f"f-{number}-{name}").strip()

    asked, equals, answer = text("required_if").partition("=")
    return Field(
        text("name"), text("label"), text("type"), text("help"), sent.on(f"f-{number}-required"),
        (asked.strip(), answer.strip()) if equals else (), _lines(text("options")),
        _number(text("max")), _number(text("step")), text("role"))


def _named(one: Field, before: tuple[Field, ...]) -> Field:
    """A question without a name gets one after its label."""
    if one.name:
        return one
    plain = unicodedata.normalize("NFKD", in_language(one.label, "nl")).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_0123456789")[:30].strip("_")
    return replace(one, name=_free(words or "veld", before))


def _free(name: str, taken: tuple[Field, ...] | list[Field]) -> str:
    names = {one.name for one in taken}
    return next(made for number in range(1, MOST_FIELDS + 2)
                if (made := name if number == 1 else f"{name}_{number}") not in names)


def _rules(sent: Fields, number: int, one: Field) -> list[Rule]:
    if one.type != "choice":
        return []
    found = []
    for place, option in enumerate(one.options[:MOST_RULES]):
        key = f"r-{number}-{place}"
        label, priority = _number(sent.text(key + "-label")), sent.text(key + "-priority")
        rule = Rule(one.name, in_language(option, "nl"), _number(sent.text(key + "-team")) or None,
                    (label,) if label else (), int(priority) if priority in ("0", "1", "2", "3") else None)
        if rule.team or rule.labels or rule.priority is not None:
            found.append(rule)
    return found


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _number(text: str) -> int:
    text = text.strip()
    if not text:
        return 0
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
