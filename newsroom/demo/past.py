"""What came in during the six weeks before: how much over which channel, when, about what, in whose words.

The volume, the shares and the rhythm are those of a municipality of 120,000 inhabitants; content/town.toml has how many
a day each channel brings and content/history.toml the texts. Pure: the same `seed` gives the same weeks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from newsroom.hours import Hours, deadline

ZONE = ZoneInfo("Europe/Amsterdam")
WEEKS = 6
WEEK = (1.30, 1.05, 0.95, 0.95, 0.65, 0.10, 0.10)  # of an average working day, from Monday
DAY = (0, 0, 0, 0, 0, 1, 2, 4, 8, 13, 12, 8, 6, 10, 11, 7, 5, 3, 2, 3, 2, 2, 1, 0)  # percent by hour
# percent of all that comes in
ABOUT = {"afval": 16, "straat": 9, "parkeren": 10, "paspoort": 13, "verhuizen": 7, "belastingen": 7, "groen": 7,
         "verlichting": 4, "inkomen": 5, "zorg": 5, "bouwen": 5, "evenementen": 3, "verkeer": 4, "overlast": 3,
         "bestuur": 2}
# the texts that suit a channel, the first that there are
TONES = {"mail": ("mail",), "chat": ("chat", "mail"), "post": ("post", "chat"), "phone": ("phone", "mail"),
         "app": ("app", "chat", "mail"), "paper": ("paper", "mail")}
ASKED = 0.2  # of all, a department was asked
# open minutes to an answer, in the middle
QUICK = {"mail": 180.0, "chat": 4.0, "post": 90.0, "phone": 6.0, "app": 120.0,
         "paper": 600.0}
SPREAD = 0.8  # of the logarithm of that time: some take five times as long
OFTEN = 0.12  # of all, by somebody who wrote before
REASONS = ("answered",) * 17 + ("by_phone", "referred", "referred")
NO_REPLY = ("mening", "compliment")  # now and then these are left as they are


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


def past(at: datetime, hours: Hours, channels: Mapping[str, Mapping[str, Any]], texts: Mapping[str, Sequence[Mapping]],
         names: Mapping[str, Sequence[str]], workers: Mapping[str, Sequence[str]], seed: int = 1) -> list[Past]:
    """The conversations of the weeks before the day of `at`, oldest first. `channels` by key with `a_day` and `tone`,
    `workers` by subject."""
    chance = random.Random(seed)
    moments = sorted(_moments(at, sum(one["a_day"] for one in channels.values()), chance))
    vias = _shuffled({key: one["a_day"] for key, one in channels.items()}, len(moments), chance)
    abouts = _shuffled(ABOUT, len(moments), chance)
    people = _people(names, chance)
    decks = {about: {tone: _deck(texts[about], tone, chance) for tone in TONES} for about in ABOUT}
    found = []
    for moment, via, about in zip(moments, vias, abouts, strict=True):
        tone = channels[via]["tone"]
        found.append(_one(moment, via, about, tone, next(decks[about][tone]), next(people), names, workers, hours, at,
                          chance))
    return found


def spread(shares: Mapping[Any, float], n: int) -> dict[Any, int]:
    """`n` divided by `shares`, to whole numbers that make `n`: the largest remainders get what is left."""
    total = sum(shares.values())
    exact = {name: n * share / total for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: counts[name] - exact[name])[:n - sum(counts.values())]:
        counts[name] += 1
    return counts


def _shuffled(shares: Mapping[Any, float], n: int, chance: random.Random) -> list[Any]:
    found = [name for name, count in spread(shares, n).items() for _ in range(count)]
    chance.shuffle(found)
    return found


def _moments(at: datetime, a_day: float, chance: random.Random) -> Iterator[datetime]:
    """Each day's messages, by the hours of a day."""
    today = at.astimezone(ZONE).date()
    days = [day for back in range(1, WEEKS * 7 + 1) for day in [today - timedelta(days=back)]
            for _ in range(round(a_day * WEEK[day.weekday()]))]
    for day, hour in zip(days, _shuffled(dict(enumerate(DAY)), len(days), chance), strict=True):
        minute = time(hour, chance.randrange(60), chance.randrange(60))
        yield datetime.combine(day, minute, ZONE).astimezone(UTC)


def _deck(texts: Sequence[Mapping[str, str]], tone: str, chance: random.Random) -> Iterator[Mapping[str, str]]:
    """The texts of one subject that suit a channel, again and again, none before all others."""
    fitting = next(found for want in TONES[tone] if (found := [one for one in texts if one["by"] == want]))
    while True:
        yield from chance.sample(fitting, len(fitting))


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


def _one(moment: datetime, via: str, about: str, tone: str, text: Mapping[str, str], who: tuple[str, str, str],
         names: Mapping[str, Sequence[str]], workers: Mapping[str, Sequence[str]], hours: Hours, at: datetime,
         chance: random.Random) -> Past:
    filled = {"straat": chance.choice(names["street"]), "nummer": chance.randrange(2, 240), "naam": who[0].split()[0]}
    minutes = QUICK[tone] * chance.lognormvariate(0, SPREAD)
    asked = chance.random() < ASKED and tone in ("mail", "paper")
    claimed = deadline(moment, minutes * chance.uniform(0.1, 0.6), hours)
    answered = min(deadline(claimed, minutes * (4 if asked else 1) * chance.uniform(0.4, 0.9), hours),
                   at - timedelta(minutes=30))
    quiet = text["kind"] in NO_REPLY and chance.random() < 0.4
    return Past(moment, via, about, text["kind"], *who, text["subject"].format(**filled), text["text"].format(**filled),
                "" if quiet else text["answer"].format(**filled), chance.choice(workers[about]),
                min(claimed, answered), min(claimed + timedelta(minutes=2), answered) if asked else None, answered,
                "no_reply" if quiet else chance.choice(REASONS))
