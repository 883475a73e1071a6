"""The words on the screen: one catalogue per language, for the templates and the JavaScript alike.

A catalogue is flat, {"key": "text with {name}"}. `{state:state}` is the word for a value: the text of the key
`state.` plus the value of `state`. A plural has two texts, `key.one` and `key.other`, chosen by `n`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from newsroom.settings import asset_folder

LANGUAGES = ("nl", "en")  # the first is what everybody gets who did not choose
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
LONGEST_HEADER = 500  # characters of Accept-Language that are looked at; a browser sends some fifty

strict = False  # the tests set it: then what is missing raises instead of showing its key

_log = structlog.get_logger()
_missing: set[tuple[str, str]] = set()


def text(language: str, key: str, **values: Any) -> str:
    """The text of `key` with its values filled in, not escaped: the template does that.

    A missing key or value shows as it stands in the page and is logged once; with `strict` it is a KeyError.
    """
    words = catalogue(language)
    found = words.get(key)
    if found is None and "n" in values:
        found = words.get(f"{key}.one" if values["n"] == 1 else f"{key}.other")
    if found is None:
        return _lacking(language, key, key)

    def fill(place: re.Match) -> str:
        name, prefix = place.groups()
        if name not in values:
            return _lacking(language, f"{key} {place[0]}", place[0])
        return text(language, f"{prefix}.{values[name]}") if prefix else str(values[name])

    return PLACE.sub(fill, found) if "{" in found else found


def word(language: str, prefix: str, value: str) -> str:
    """The catalogue's word for a value that a connector or setting brought, or the value itself."""
    key = f"{prefix}.{value}"
    return text(language, key) if key in catalogue(language) else value


def translator(language: str) -> Callable[..., str]:
    """`t` of one language, as the templates call it: t("duration.days", n=3)."""
    return partial(text, language)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of a language; of the first language when it is one that we do not have."""
    if language not in LANGUAGES:
        return catalogue(LANGUAGES[0])
    path = asset_folder("static") / "language" / f"{language}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def choose(accept_language: str | None) -> str:
    """The language to begin with for somebody whose own choice is not known (RFC 9110, 12.5.4)."""
    weights: dict[str, float] = {}
    for part in (accept_language or "")[:LONGEST_HEADER].lower().split(","):
        tag, _, weight = part.partition(";")
        weight = re.fullmatch(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", weight) if weight else "1"
        language = tag.strip().partition("-")[0]
        if weight and language in LANGUAGES:
            weights.setdefault(language, float(weight if weight == "1" else weight[1]))
    best = max(weights, key=weights.__getitem__, default=LANGUAGES[0])
    return best if weights.get(best) else LANGUAGES[0]


def clock(at: datetime, zone: tzinfo = AMSTERDAM) -> str:
    """ "10:42" """
    return f"{at.astimezone(zone):%H:%M}"


def moment(at: datetime, language: str, zone: tzinfo = AMSTERDAM, now: datetime | None = None) -> str:
    """ "ma 23 nov 10:42". With `now`: "vandaag 10:42" on that day, "23 nov 2025 10:42" in another year."""
    local, t = at.astimezone(zone), translator(language)
    today = now.astimezone(zone).date() if now else None
    if local.date() == today:
        return t("time.today", time=clock(at, zone))
    short = f"{local.day} {t(f'month.short.{local.month}')}"
    if today and local.year != today.year:
        return f"{short} {local.year} {clock(at, zone)}"
    return f"{t(f'weekday.short.{local.weekday()}')} {short} {clock(at, zone)}"


def day(on: date, language: str) -> str:
    """ "12 mei 2026" """
    return f"{on.day} {text(language, f'month.{on.month}')} {on.year}"


def duration(minutes: float, language: str) -> str:
    """ "12 min", "1 u 14", "2 dagen": whole units, rounded down."""
    t, whole = translator(language), int(max(minutes, 0))
    if whole < 1:
        return t("duration.moment")
    if whole < 60:
        return t("duration.minutes", minutes=whole)
    if whole >= 24 * 60:
        return t("duration.days", n=whole // (24 * 60))
    hours, rest = divmod(whole, 60)
    key = "duration.hours_minutes" if rest else "duration.hours"
    return t(key, hours=hours, minutes=f"{rest:02}")


def remaining(due: datetime, now: datetime, language: str) -> str:
    """ "nog 12 min" or "2 dagen te laat": clock time, as people count when they look at a card."""
    left = (due - now) / timedelta(minutes=1)
    if left > 0:
        return text(language, "time.left", duration=duration(left, language))
    return text(language, "time.late", duration=duration(-left, language))


def number(value: int, language: str) -> str:
    """ "12.345" """
    return f"{value:,}".replace(",", "." if language == "nl" else ",")


def _lacking(language: str, what: str, shown: str) -> str:
    if strict:
        raise KeyError(f"{language}: {what}")
    if (language, what) not in _missing:
        _missing.add((language, what))
        _log.error("text_missing", language=language, key=what)
    return shown
