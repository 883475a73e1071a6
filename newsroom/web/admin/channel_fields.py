"""The form of a channel: what is set, what was typed, and the difference. A credential is never in any of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aiohttp import web

from connectors import Connector
from newsroom import option
from newsroom.calendar import Calendar
from newsroom.channel import MODES, STYLE, Channel, SecretMark
from newsroom.hours import Target
from newsroom.option import Question
from newsroom.team import Team
from newsroom.web.admin import target_fields
from newsroom.web.admin.frame import Problem, problem, word
from newsroom.web.admin.target_fields import Row
from newsroom.web.fields import Fields
from newsroom.web.render import say

SETTING = "s-"  # before the name of a connector's own setting
FORGET = "forget-"
DOTS = "••••••••"
GENERAL = "Algemeen"  # questions under this heading stand beside the name


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the connector's questions with its answer. `choices` are (value, word); `mark` tells since when a
    credential is set."""

    question: Question
    id: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    mark: SecretMark | None = None
    forget: bool = False

    @property
    def since(self) -> datetime | None:
        """Since when the credential is set."""
        return datetime.fromisoformat(self.mark.at) if self.mark else None


@dataclass(frozen=True, slots=True)
class Filled:
    """The whole form, as texts. `groups` are the connector's questions by heading; `retype` says that credentials
    were typed and are gone from the page."""

    name: str
    mode: str
    team: str
    hours: str
    signature_text: str
    signature_html: str
    targets: list[Row]
    groups: dict[str, list[Answer]]
    retype: frozenset[str] = frozenset()

    def general(self) -> dict[str, str]:
        """The fields that are not the connector's own."""
        return {"name": self.name, "mode": self.mode, "team": self.team, "hours": self.hours,
                "signature_text": self.signature_text, "signature_html": self.signature_html}


@dataclass(frozen=True, slots=True)
class Typed:
    """What came in, read: the channel it asks for, credentials to replace and to forget, targets, and problems."""

    wanted: Channel
    secrets: dict[str, str] = field(repr=False)
    forget: list[str] = field(default_factory=list)
    targets: dict[int, Target] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def connects_otherwise(self, old: Channel) -> bool:
        """Whether the connection itself changes: then a test must succeed before it is kept."""
        return bool(self.secrets or self.forget) or _plain(self.wanted.settings) != _plain(old.settings)


def fill(request: web.Request, row: Channel, kind: type[Connector], marks: Mapping[str, SecretMark],
         targets: list[Row]) -> Filled:
    """The form as the channel is."""
    style = STYLE | row.house_style
    answers = [_answer(request, row, question, marks) for question in option.questions(kind.Settings)]
    return Filled(row.name, row.mode, str(row.team_id or ""), str(row.hours_id or ""), style["signature_text"],
                  style["signature_html"], targets, _grouped(answers))


def refill(filled: Filled, form: Fields) -> Filled:
    """The form as it was typed, without credentials."""
    def again(answer: Answer) -> Answer:
        if answer.question.kind == "secret":
            return replace(answer, forget=form.on(FORGET + answer.question.name))
        return replace(answer, value=form.text(answer.id))

    groups = {name: [again(answer) for answer in answers] for name, answers in filled.groups.items()}
    retype = frozenset(answer.question.name for answers in groups.values() for answer in answers
                       if answer.question.kind == "secret" and form.text(answer.id))
    return replace(filled, targets=target_fields.typed(form, filled.targets), groups=groups, retype=retype,
                   **form.all(*filled.general()))


def read(request: web.Request, form: Fields, old: Channel, kind: type[Connector], marks: Mapping[str, SecretMark],
         teams: Sequence[Team], calendars: Sequence[Calendar]) -> Typed:
    """What the form asks for, with every problem at once."""
    targets, problems = target_fields.read(request, form)
    asked = option.questions(kind.Settings)
    given = {question.name: form.text(SETTING + question.name) for question in asked}
    forget = [name for name in given if form.on(FORGET + name)]
    settings, secrets, wrong = option.read(kind.Settings, given, frozenset(marks) - set(forget))
    problems = [problem(request, SETTING + one.field, one.key, **one.values) for one in wrong] + problems
    if old.id and any(one.leads and settings.get(one.name) != old.settings.get(one.name) for one in asked):
        # whoever may change the server must not get the password that is kept sent to a server of their own
        problems += [problem(request, SETTING + one.name, "wrong.retype", one.label, label=one.label) for one in asked
                     if one.name in marks and one.name not in (*secrets, *forget)]
    team, hours, mode = form.text("team"), form.text("hours"), form.text("mode")
    for name, value, allowed in (("team", team, {str(one.id) for one in teams}),
                                 ("hours", hours, {str(one.id) for one in calendars})):
        if value and value not in allowed:
            problems.append(problem(request, name, "wrong.choice", say(request, f"channels.{name}")))
    if mode not in MODES:
        problems.append(problem(request, "mode", "wrong.choice", say(request, "channels.mode")))
    if not form.text("name").strip():
        problems.insert(0, problem(request, "name", "wrong.name", say(request, "channels.name")))
    style = {name: form.text(name) for name in STYLE}
    wanted = replace(old, name=form.text("name"), mode=mode if mode in MODES else old.mode,
                     team_id=_id(team), hours_id=_id(hours), settings=settings, house_style=style)
    return Typed(wanted, secrets, [name for name in forget if name not in secrets], targets, problems)


def pending(request: web.Request, was: Filled, now: Filled, names: Mapping[str, Mapping[str, str]],
            secrets: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """What saving would change: label, before, after. `names` are the words of team and calendar ids."""
    found = []
    after = now.general()
    for name, before in was.general().items():
        if _lines(before) != _lines(after[name]):
            shown = [_named(request, name, value, names) for value in (before, after[name])]
            found.append((say(request, f"channels.{name}"), *shown))
    for row, other in zip(was.targets, now.targets, strict=True):
        if (row.amount, row.unit) != (other.amount, other.unit) and (row.amount or other.amount):
            label = f"{say(request, 'channels.target')}, {say(request, f'priority.{row.name}')}"
            found.append((label, _amount(request, row), _amount(request, other)))
    for before_group, after_group in zip(was.groups.values(), now.groups.values(), strict=True):
        for one, other in zip(before_group, after_group, strict=True):
            found += _changed(request, one, other, one.question.name in secrets)
    return found


def _changed(request: web.Request, one: Answer, other: Answer, replaced: bool) -> list[tuple[str, str, str]]:
    label = one.question.label
    if one.question.kind == "secret":
        after = say(request, "channels.replaced") if replaced else say(request, "channels.forgotten")
        return [(label, DOTS if one.mark else "", after)] if replaced or other.forget else []
    if _lines(one.value) == _lines(other.value):
        return []
    words = dict(one.choices)
    return [(label, words.get(one.value, one.value), words.get(other.value, other.value))]


def _answer(request: web.Request, row: Channel, question: Question, marks: Mapping[str, SecretMark]) -> Answer:
    choices = tuple((value, word(request, "choice", value)) for value in question.choices)
    if question.kind == "secret":
        return Answer(question, SETTING + question.name, "", mark=marks.get(question.name))
    value = row.settings.get(question.name, question.default)
    return Answer(question, SETTING + question.name, option.shown(question, value), choices)


def _grouped(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.question.group, []).append(answer)
    return found


def _named(request: web.Request, field_name: str, value: str, names: Mapping[str, Mapping[str, str]]) -> str:
    if field_name == "mode":
        return word(request, "mode", value)
    return names.get(field_name, {}).get(value, value)


def _amount(request: web.Request, row: Row) -> str:
    return f"{row.amount} {word(request, 'unit.name', row.unit)}" if row.amount else row.follows


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _lines(text: str) -> list[str]:
    """A browser sends line ends of its own."""
    return text.strip().splitlines()


def _plain(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
