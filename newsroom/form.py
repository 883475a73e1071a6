"""The form: what an administrator lets residents fill in, and where an answer goes.

A definition is JSON in the table `form`. Lines of text carry their English twin behind a bar ("Onderwerp | Topic"),
so that a form can be made in one language and translated later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from newsroom.database import Connection

TYPES = ("text", "textarea", "email", "phone", "date", "postcode", "choice", "choices", "file")
ROLES = ("", "subject", "text", "name")  # what an answer means; e-mail and telephone follow from the type
WITH_OPTIONS = ("choice", "choices")
LONGEST = {"text": 200, "textarea": 3000}  # characters, unless the field says otherwise
MOST_FIELDS, MOST_STEPS, MOST_OPTIONS = 60, 10, 50
LONGEST_TEXT = 2000  # characters of a label, a help text or an introduction
LONGEST_ANSWER = 10_000  # characters that a field may ask for
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `max` is in characters, 0 the usual. `required_if` is ("field", "answer") or empty."""

    name: str
    label: str
    type: str = "text"
    help: str = ""
    required: bool = False
    required_if: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    max: int = 0
    step: int = 1
    role: str = ""

    @property
    def longest(self) -> int:
        return self.max or LONGEST.get(self.type, LONGEST["text"])

    @property
    def meaning(self) -> str:
        """The role of the answer in the conversation."""
        return self.type if self.type in ("email", "phone") else self.role


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a form goes with this answer. None or empty: as without the rule."""

    field: str
    answer: str
    team: int | None = None
    labels: tuple[int, ...] = ()
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """A form. `help` stands beside it; its first line is a heading, and "text https://..." is a link."""

    id: int = 0
    slug: str = ""
    title: str = ""
    channel_id: int = 0
    version: int = 0
    published: bool = True
    intro: str = ""
    help: str = ""
    steps: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    team: int | None = None
    labels: tuple[int, ...] = ()
    rules: tuple[Rule, ...] = ()

    def of_step(self, step: int) -> tuple[Field, ...]:
        """The questions of a step, 1 and up."""
        return tuple(one for one in self.fields if one.step == step)

    def field(self, name: str) -> Field | None:
        return next((one for one in self.fields if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Served:
    """A form with what its page needs of the channel."""

    form: Form
    team_id: int | None
    allowed_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a form: the part it is in ("title", "fields.3.label") and a catalogue key with its values."""

    part: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Wrong(Exception):
    """A form that cannot be saved, with every `Problem`."""

    def __init__(self, problems: Sequence[Problem]):
        super().__init__(", ".join(f"{problem.part}: {problem.key}" for problem in problems))
        self.problems = tuple(problems)


def in_language(text: str, language: str) -> str:
    """The half of "Nederlands | English" for this language; the Dutch one when there is no other."""
    dutch, _, english = text.partition(" | ")
    return (english.strip() if language == "en" else "") or dutch.strip()


def routing(form: Form, answers: Mapping[str, str | list[str]]) -> tuple[int | None, tuple[int, ...], int | None]:
    """Team, labels and priority for these answers; of several rules that fit, the highest priority counts."""
    team, labels, priority = form.team, set(form.labels), None
    for rule in form.rules:
        given = answers.get(rule.field, "")
        if rule.answer in (given if isinstance(given, list) else [given]):
            team = rule.team or team
            labels |= set(rule.labels)
            if rule.priority is not None:
                priority = rule.priority if priority is None else max(priority, rule.priority)
    return team, tuple(sorted(labels)), priority


async def find(connection: Connection, slug: str) -> Served | None:
    """The published form at this address, when its channel is in use."""
    # the form that residents see
    row = await connection.fetchrow(
        "select f.id, f.channel_id, f.slug, f.title, f.definition, f.version, f.published, c.team_id, c.settings"
        " from form f join channel c on c.id = f.channel_id"
        " where f.slug = $1 and f.published and c.archived_at is null", slug)
    if row is None:
        return None
    return Served(_form(row), row["team_id"], tuple(row["settings"].get("allowed_origins", ())))


async def get(connection: Connection, id: int) -> Form | None:
    """A form for the person who edits it."""
    # one form
    row = await connection.fetchrow("select id, channel_id, slug, title, definition, version, published from form"
                                    " where id = $1", id)
    return _form(row) if row else None


async def every(connection: Connection) -> list[Form]:
    """All forms, by title."""
    # the list in Beheer
    return [_form(row) for row in await connection.fetch(
        "select id, channel_id, slug, title, definition, version, published from form order by title, id")]


async def save(connection: Connection, form: Form) -> Form:
    """Store a new form (id 0) or the next version of one. Raises `Wrong` with every mistake."""
    problems = check(form)
    # an address is used once
    if await connection.fetchval("select id from form where slug = $1 and id <> $2", form.slug, form.id):
        problems.append(Problem("slug", "forms.wrong.slug_taken", {"slug": form.slug}))
    # forms stand in a channel of their own kind
    if not await connection.fetchval("select id from channel where id = $1 and kind = 'web_form'", form.channel_id):
        problems.append(Problem("channel", "forms.wrong.channel"))
    if problems:
        raise Wrong(problems)
    if form.id:
        # the next version
        version = await connection.fetchval(
            "update form set channel_id = $2, slug = $3, title = $4, definition = $5, published = $6,"
            " version = version + 1 where id = $1 returning version",
            form.id, form.channel_id, form.slug, form.title, _definition(form), form.published)
        return replace(form, version=version)
    # a new form
    id = await connection.fetchval(
        "insert into form (channel_id, slug, title, definition, published) values ($1, $2, $3, $4, $5) returning id",
        form.channel_id, form.slug, form.title, _definition(form), form.published)
    return replace(form, id=id, version=1)


def check(form: Form) -> list[Problem]:
    """Every mistake that can be seen without asking the database."""
    problems = []
    if not in_language(form.title, "nl"):
        problems.append(Problem("title", "forms.wrong.title"))
    if not SLUG.fullmatch(form.slug) or len(form.slug) > 60:
        problems.append(Problem("slug", "forms.wrong.slug"))
    if not form.steps or len(form.steps) > MOST_STEPS:
        problems.append(Problem("steps", "forms.wrong.steps", {"most": MOST_STEPS}))
    if not form.fields or len(form.fields) > MOST_FIELDS:
        problems.append(Problem("fields", "forms.wrong.fields", {"most": MOST_FIELDS}))
    for part in ("title", "intro", "help"):
        if len(getattr(form, part)) > LONGEST_TEXT:
            problems.append(Problem(part, "forms.wrong.long", {"most": LONGEST_TEXT}))
    empty = [step for step in range(1, len(form.steps) + 1) if not form.of_step(step)]
    if form.fields and empty:
        problems.append(Problem("steps", "forms.wrong.empty_step", {"step": empty[0]}))
    return problems + [problem for number in range(len(form.fields)) for problem in _check_field(form, number)]


def _check_field(form: Form, number: int) -> list[Problem]:
    one, part = form.fields[number], f"fields.{number}"
    found = []

    def wrong(place: str, key: str, /, **values: Any) -> None:
        found.append(Problem(f"{part}.{place}", key, values))

    if not in_language(one.label, "nl") or len(one.label) > LONGEST_TEXT:
        wrong("label", "forms.wrong.label")
    if not NAME.fullmatch(one.name):
        wrong("name", "forms.wrong.name")
    elif one.name in {other.name for other in form.fields[:number]}:
        wrong("name", "forms.wrong.name_twice", name=one.name)
    if one.type not in TYPES:
        wrong("type", "forms.wrong.type")
    if one.type in WITH_OPTIONS and not 2 <= len(set(_answers(one))) == len(one.options) <= MOST_OPTIONS:
        wrong("options", "forms.wrong.options", most=MOST_OPTIONS)
    if not 0 <= one.max <= LONGEST_ANSWER:
        wrong("max", "forms.wrong.max", most=LONGEST_ANSWER)
    if not 1 <= one.step <= len(form.steps):
        wrong("step", "forms.wrong.step")
    if one.role and one.role in {other.role for other in form.fields[:number]}:
        wrong("role", "forms.wrong.role_twice")
    if one.required_if:
        asked = form.field(one.required_if[0])
        if asked is None or asked.type != "choice" or one.required_if[-1] not in _answers(asked):
            wrong("required_if", "forms.wrong.required_if")
    return found


def _answers(one: Field) -> list[str]:
    """The answers to choose from, as they are stored: the Dutch halves."""
    return [in_language(option, "nl") for option in one.options]


def _definition(form: Form) -> dict[str, Any]:
    whole = asdict(form)
    return {name: whole[name] for name in ("intro", "help", "steps", "fields", "team", "labels", "rules")}


def _form(row: Any) -> Form:
    made = row["definition"]
    return Form(
        row["id"], row["slug"], row["title"], row["channel_id"], row["version"], row["published"],
        made.get("intro", ""), made.get("help", ""), tuple(made.get("steps", ())),
        tuple(Field(**{**one, "options": tuple(one.get("options", ())),
                       "required_if": tuple(one.get("required_if", ()))}) for one in made.get("fields", ())),
        made.get("team"), tuple(made.get("labels", ())),
        tuple(Rule(**{**one, "labels": tuple(one.get("labels", ()))}) for one in made.get("rules", ())))


QUESTION = Form(
    slug="vraag", title="Stel uw vraag | Ask your question",
    intro="Wij helpen u graag. U kunt ons ook bellen. | We are happy to help. You can also call us.",
    help="Hulp nodig? | Need help?\nBel 14 000 | Call 14 000\nmaandag tot en met vrijdag | Monday to Friday\n"
         "9:00 tot 17:00 uur | 9:00 to 17:00",
    steps=("Waar gaat het over? | What is it about?", "Uw vraag en uw gegevens | Your question and your details"),
    fields=(
        Field("onderwerp", "Waar gaat uw vraag over? | What is your question about?", "choice", required=True,
              role="subject", options=(
                  "Paspoort en rijbewijs | Passport and driving licence", "Afval en straat | Waste and streets",
                  "Verhuizen | Moving house", "Belastingen | Taxes", "Iets anders | Something else")),
        Field("vraag", "Wat is uw vraag? | What is your question?", "textarea", step=2, required=True, role="text",
              help="Zet hier geen burgerservicenummer (BSN) in. | Do not write your citizen service number (BSN)."),
        Field("bijlage", "Bijlagen | Attachments", "file", step=2,
              help="Bijvoorbeeld een foto of een brief. | For example a photo or a letter."),
        Field("hoe", "Hoe wilt u antwoord krijgen? | How shall we answer?", "choice", step=2, required=True,
              options=("Per e-mail | By e-mail", "Per telefoon | By telephone")),
        Field("email", "Uw e-mailadres | Your e-mail address", "email", step=2,
              required_if=("hoe", "Per e-mail"),
              help="Hier sturen wij ons antwoord naartoe. | We send our answer here."),
        Field("telefoon", "Uw telefoonnummer | Your telephone number", "phone", step=2,
              required_if=("hoe", "Per telefoon")),
        Field("naam", "Uw naam | Your name", "text", step=2, role="name")))
"""The form that a new channel begins with."""
