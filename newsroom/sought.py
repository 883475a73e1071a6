"""What is sought: the words of a search, and its operators such as `kanaal:mail`, `van:jansen` or `na:1-11-2026`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from newsroom import language
from newsroom.board import ZONE, Names
from newsroom.event import LIVE_STATES

# an operator's field by its name, Dutch and English
FIELDS = {"van": "sender", "from": "sender", "kanaal": "channel", "channel": "channel", "team": "team",
          "label": "label", "status": "state", "voor": "until", "before": "until", "na": "since", "after": "since"}
OPERATOR = re.compile(r'(?<!\S)(' + "|".join(FIELDS) + r'):("[^"]*"?|\S+)', re.I)
STATES = (*LIVE_STATES, "closed", "spam")
DAY = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")
DAYS_AGO = {"vandaag": 0, "today": 0, "gisteren": 1, "yesterday": 1}


@dataclass(frozen=True, slots=True)
class Part:
    """One operator: its `field`, the `value` as typed, what it was `read` as (empty: nothing is called so), and the
    search without it."""

    field: str
    value: str
    read: tuple[str, ...]
    without: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What to find: all that is given must hold; of several ids of one field any may. `since` and `until` are the
    moments that a message falls between, `since` included."""

    words: str = ""
    senders: tuple[str, ...] = ()
    channels: tuple[int, ...] = ()
    teams: tuple[int, ...] = ()
    labels: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    parts: tuple[Part, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Whether anything but words is asked."""
        return bool(self.parts)

    @property
    def unread(self) -> list[Part]:
        """Operators that say nothing we know."""
        return [part for part in self.parts if not part.read]


def read(text: str, names: Names, today: date) -> Sought:
    """What somebody typed. An operator whose value nothing is called by is among `unread`; what is no operator, as in
    `10:30` or an address, is a word."""
    found: dict[str, list] = {}
    parts = []
    for place in OPERATOR.finditer(text):
        field, value = FIELDS[place[1].lower()], place[2].strip('"').strip()
        meant = _meant(field, value, names, today) if value else {}
        found.setdefault(field, []).extend(meant)
        parts.append(Part(field, value, tuple(meant.values()), _without(text, place)))
    return Sought(" ".join(OPERATOR.sub(" ", text).split()), tuple(found.get("sender", ())),
                  tuple(found.get("channel", ())), tuple(found.get("team", ())), tuple(found.get("label", ())),
                  tuple(found.get("state", ())), max(found.get("since", ()), default=None),
                  min(found.get("until", ()), default=None), tuple(parts))


def called(state: str, speech: str) -> str:
    """The word for a state, as the screens have it."""
    return language.text(speech, f"state.{state}")


def operator(name: str, value: str) -> str:
    """How somebody would type it."""
    value = value.replace('"', " ")
    return f'{name}:"{value}"' if re.search(r"\s", value) else f"{name}:{value}"


def _meant(field: str, value: str, names: Names, today: date) -> Mapping:
    """What a value stands for, each with what it is called."""
    if field == "sender":
        return {value: value}
    if field in ("since", "until"):
        day = _day(value, today)
        return {datetime.combine(day, time(), ZONE): day.isoformat()} if day else {}
    if field == "state":
        if _plain(value) == "open":  # whatever is not finished
            return {state: state for state in LIVE_STATES}
        words = [(state, called(state, speech)) for speech in language.LANGUAGES for state in STATES]
        return {state: state for state in _called(value, [*zip(STATES, STATES, strict=True), *words])}
    table = {"channel": {id: name for id, (_, name) in names.channels.items()}, "team": names.teams,
             "label": {id: name for id, (name, _) in names.labels.items()}}[field]
    return {id: table[id] for id in _called(value, table.items())}


def _called(value: str, table: Iterable[tuple]) -> list:
    """Who is called so; else whose name begins so; else whose name has it."""
    wanted, plain = _plain(value), [(id, _plain(name)) for id, name in table]
    for fits in (str.__eq__, str.startswith, str.__contains__):
        if found := [id for id, name in plain if fits(name, wanted)]:
            return found
    return []


def _day(value: str, today: date) -> date | None:
    if value.lower() in DAYS_AGO:
        return today - timedelta(days=DAYS_AGO[value.lower()])
    try:
        if found := DAY.fullmatch(value):
            return date(int(found[3]), int(found[2]), int(found[1]))
        return date.fromisoformat(value)
    except ValueError:
        return None


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).strip()


def _without(text: str, place: re.Match) -> str:
    return " ".join((text[:place.start()] + " " + text[place.end():]).split())
