"""What came in during the six weeks before: how much over which channel, when, about what, in whose words.

The volume, the shares and the rhythm are those of volume.py; content/history.toml has the texts. Pure: the same `seed`
gives the same weeks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from newsroom.demo.shift import Shifts
from newsroom.demo.volume import ABOUT, WEEK, ZONE, spread, volume
from newsroom.hours import Hours, deadline

WEEKS = 6
# the texts that suit a channel, the first that there are
TONES = {"mail": ("mail",), "chat": ("chat", "mail"), "post": ("post", "chat"), "phone": ("phone", "mail"),
         "app": ("app", "chat"), "paper": ("paper", "mail")}
ASKED = 0.2  # of all, a department was asked
# open minutes to an answer, in the middle
QUICK = {"mail": 180.0, "chat": 2.0, "post": 90.0, "phone": 6.0, "app": 120.0,
         "paper": 600.0}
SPREAD = 0.8  # of the logarithm of that time: some take five times as long
OFTEN = 0.12  # of all, by somebody who wrote before
REASONS = ("answered",) * 17 + ("by_phone", "referred", "referred")
NO_REPLY = ("mening", "compliment")  # now and then these are left as they are
AT_ONCE = Hours(always=True)  # who chats does not wait for the next morning


@dataclass(frozen=True, slots=True)
class Past:
    """A conversation that is over. Times are UTC; `asked` is when a department was asked, None: nobody needed to."""

    at: datetime
    via: str
    about: str
    kind: str
    name: str
    address: str
    phone: str
    subject: str
    text: str
    answer: str
    worker: str
    claimed: datetime
    asked: datetime | None
    answered: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the weeks are made of: parts of town.toml, history.toml and trickle.toml."""

    channels: Mapping[str, Mapping[str, Any]]
    texts: Mapping[str, Sequence[Mapping[str, str]]]
    names: Mapping[str, Sequence[str]]
    workers: Mapping[str, Sequence[str]]
    shifts: Shifts
    hours: Hours


def past(at: datetime, town: Plan, seed: int = 1) -> list[Past]:
    """The conversations of the weeks before `at` that are over by then, oldest first."""
    chance = random.Random(seed)
    plan = volume(town.channels)
    slots = sorted(slot for via in town.channels for slot in _slots(at, via, plan, chance))
    people = _people(town.names, chance)
    decks = {(about, tone): deck(fitting(town.texts[about], tone), chance) for about in ABOUT for tone in TONES}
    found = []
    for moment, via, about in slots:
        text = next(decks[about, town.channels[via]["tone"]])
        found.append(_one(moment, via, about, text, next(people), town, chance))
    return [one for one in found if one.answered <= at]


def fitting(texts: Sequence[Mapping[str, str]], tone: str) -> list[Mapping[str, str]]:
    """The texts of one subject that suit a channel."""
    return next(found for want in TONES[tone] if (found := [one for one in texts if one["by"] == want]))


def deck(texts: Sequence[Mapping[str, Any]], chance: random.Random) -> Iterator[Mapping[str, Any]]:
    """One after the other, again and again, none before all others."""
    while True:
        yield from chance.sample(texts, len(texts))


def _slots(at: datetime, via: str, plan: Any, chance: random.Random) -> Iterator[tuple[datetime, str, str]]:
    """When something came over a channel, and about what."""
    today = at.astimezone(ZONE).date()
    days = []
    for weekday, share in plan.week[via].items():
        dates = [day for back in range(WEEKS * 7 + 1) if (day := today - timedelta(days=back)).weekday() == weekday]
        n = round(plan.a_day[via] * sum(WEEK) * share * len(dates))
        days += [dates[place % len(dates)] for place in range(n)]
    hours, abouts = (_shuffled(part, len(days), chance) for part in (plan.day[via], plan.about[via]))
    for day, hour, about in zip(days, hours, abouts, strict=True):
        moment = datetime.combine(day, time(hour, chance.randrange(60), chance.randrange(60)), ZONE).astimezone(UTC)
        if moment < at:
            yield moment, via, about


def _shuffled(shares: Mapping[Any, float], n: int, chance: random.Random) -> list[Any]:
    found = [name for name, count in spread(shares, n).items() for _ in range(count)]
    chance.shuffle(found)
    return found


def _people(names: Mapping[str, Sequence[str]], chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """(name, address, telephone number) of who writes; now and then somebody again."""
    known: list[tuple[str, str, str]] = []
    while True:
        if known and chance.random() < OFTEN:
            yield chance.choice(known)
            continue
        first, last = chance.choice(names["first"]), chance.choice(names["last"])
        number = len(known) + 100
        known.append((f"{first} {last}", f"{first}.{last.replace(' ', '')}{number}@post.example".lower(),
                      f"+3161234{number:04d}"))
        yield known[-1]


def _one(moment: datetime, via: str, about: str, text: Mapping[str, str], who: tuple[str, str, str], town: Plan,
         chance: random.Random) -> Past:
    tone = town.channels[via]["tone"]
    filled = {"straat": chance.choice(town.names["street"]), "nummer": chance.randrange(2, 240),
              "naam": who[0].split()[0]}
    hours = AT_ONCE if tone == "chat" else town.hours
    minutes = QUICK[tone] * chance.lognormvariate(0, SPREAD)
    asked = chance.random() < ASKED and tone in ("mail", "paper")
    claimed = deadline(moment, minutes * chance.uniform(0.1, 0.6), hours)
    answered = deadline(claimed, minutes * (4 if asked else 1) * chance.uniform(0.4, 0.9), hours)
    quiet = text["kind"] in NO_REPLY and chance.random() < 0.4
    people = [one for one in town.workers[about] if not any(town.shifts.is_off(one, at.astimezone(ZONE).date())
                                                            for at in (claimed, answered))]
    there = town.shifts.of(claimed, people) or people
    return Past(moment, via, about, text["kind"], *who, text["subject"].format(**filled), text["text"].format(**filled),
                "" if quiet else text["answer"].format(**filled), chance.choice(there), claimed,
                min(claimed + timedelta(minutes=2), answered) if asked else None, answered,
                "no_reply" if quiet else chance.choice(REASONS))
