"""The fields "antwoord vóór": one amount and unit for each priority. Empty follows from the normal one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from newsroom.calendar import MOST
from newsroom.conversation import PRIORITIES
from newsroom.hours import PRESETS, Target, for_priority
from newsroom.term import PRESET_OF_KIND, Terms
from newsroom.web.admin.frame import Problem, problem
from newsroom.web.fields import Fields
from newsroom.web.render import language_of, say

HOUR = 60
UNITS = {"minutes": 1, "hours": HOUR, "working_days": 1}  # as people choose; hours are kept in minutes
ORDER = ("urgent", "high", "normal", "low")


@dataclass(frozen=True, slots=True)
class Row:
    """One priority on the form. `follows` is what counts when the field is empty, in words."""

    name: str
    number: int
    amount: str
    unit: str
    follows: str


def rows(request: web.Request, own: Mapping[int, Target], terms: Terms, channel_id: int, kind: str) -> list[Row]:
    """The form with what is set. A new channel (id 0) begins with the usual targets of its kind."""
    found = []
    for name in ORDER:
        number = PRIORITIES[name]
        usual = terms.target(channel_id, number) if channel_id else \
            for_priority(PRESETS[PRESET_OF_KIND.get(kind, "social")], name)
        amount, unit = shown(own[number]) if number in own else ("", shown(usual)[1])
        found.append(Row(name, number, _local(request, amount), unit, words(request, usual)))
    return found


def typed(form: Fields, filled: list[Row]) -> list[Row]:
    """The form as it came in."""
    return [Row(row.name, row.number, form.text(f"amount-{row.number}"), form.text(f"unit-{row.number}"), row.follows)
            for row in filled]


def read(request: web.Request, form: Fields) -> tuple[dict[int, Target], list[Problem]]:
    """The targets of the form, and what is wrong with them."""
    found: dict[int, Target] = {}
    problems: list[Problem] = []
    for name in ORDER:
        number = PRIORITIES[name]
        text, unit = form.text(f"amount-{number}").strip().replace(",", "."), form.text(f"unit-{number}")
        if not text:
            continue
        target = _target(text, unit)
        if target is None:
            problems.append(problem(request, f"amount-{number}", "wrong.target", say(request, f"priority.{name}")))
        else:
            found[number] = target
    return found, problems


def shown(target: Target) -> tuple[str, str]:
    """The amount and unit as people write them: 240 minutes are 4 hours."""
    if target.unit == "minutes" and target.amount % HOUR == 0:
        return f"{target.amount / HOUR:g}", "hours"
    return f"{target.amount:g}", target.unit


def words(request: web.Request, target: Target) -> str:
    """ "2 werkdagen" """
    amount, unit = shown(target)
    return say(request, f"unit.{unit}", n=int(amount) if amount.isdecimal() else _local(request, amount))


def _local(request: web.Request, amount: str) -> str:
    """With a decimal comma where people write one."""
    return amount.replace(".", ",") if language_of(request) == "nl" else amount


def _target(text: str, unit: str) -> Target | None:
    try:
        amount = float(text) * UNITS[unit]
    except (ValueError, KeyError):
        return None
    kept = "working_days" if unit == "working_days" else "minutes"
    return Target(amount, kept) if 0 < amount <= MOST[kept] else None
