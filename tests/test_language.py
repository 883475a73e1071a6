"""The catalogues are complete, equal in shape and used; dates and durations read as people write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from newsroom import language
from newsroom.access import ROLES
from newsroom.action import VERBS
from newsroom.conversation import PRIORITIES
from newsroom.event import KINDS
from newsroom.language import choose, day, duration, moment, number, remaining, text

ROOT = Path(__file__).resolve().parent.parent
NL, EN = language.catalogue("nl"), language.catalogue("en")

# keys that are put together from a value: t('state.' ~ card.state)
COMPUTED = ("answer.", "board.empty.", "canned.", "card.problem.", "channels.", "check.", "choice.", "conflict.",
            "connection.", "contact.kind.", "crowd.", "days.", "density.", "entry.where.", "error.", "event.",
            "filter.", "flow.", "forms.role.", "forms.type.", "forms.wrong.", "guard.", "health.", "kind.",
            "language.", "lateness.", "layout.", "letter.", "log.field.", "log.kind.", "log.subject.", "log.what.",
            "mention.", "menu.", "mode.", "month.", "notice.", "opening.", "outcome.", "people.link_sent.",
            "people.saved.", "priority.", "problem.", "profile.saved.", "public.by.", "public.opening.",
            "queue.age.", "queue.back.", "queue.cause.", "queue.column.", "queue.csv.", "queue.in.",
            "queue.list.work.", "queue.night.", "queue.part.", "queue.period.", "queue.problem.", "queue.work.",
            "role.", "saved.", "search.by.", "search.unread.", "send.", "shelf.add_to.", "state.", "statement.",
            "theme.", "thread.unsure.", "token.scope.", "told.", "unit.", "verb.", "view.", "weekday.", "work.",
            "wrong.")
KEY = r"""(?P<quote>['"`])(?P<key>[a-z][a-z0-9_.-]*)(?:(?P<more>\$\{|\{|(?P=quote)\s*[~+])|(?P=quote))"""
CALLS = {
    "templates": (".html", re.compile(r"\bt\(\s*" + KEY)),
    "static/js": (".js", re.compile(r"\bt\(\s*" + KEY)),
    "newsroom": (".py", re.compile(r"(?:\bt\(\s*|\b(?:text|say)\(\s*[\w.]+,\s*|\braise [A-Z]\w+\(\s*"
                                   r"|\breturn Conflict\(\s*|\bkey=)f?" + KEY)),
}


def used() -> Iterator[tuple[str, str, bool]]:
    """Every key in our files: where, the key or its beginning, and whether a value comes after it."""
    for folder, (ending, call) in CALLS.items():
        for path in sorted((ROOT / folder).rglob(f"*{ending}")):
            for match in call.finditer(path.read_text(encoding="utf-8")):
                if match["more"] or "." in match["key"]:
                    yield path.relative_to(ROOT).as_posix(), match["key"], bool(match["more"])


def exists(key: str) -> bool:
    return key in NL or f"{key}.other" in NL


def places(words: str) -> list[tuple[str, str]]:
    return sorted(set(language.PLACE.findall(words)))


def test_both_languages_have_the_same_keys_and_places():
    assert list(NL) == list(EN)
    assert {} == {key: (NL[key], EN[key]) for key in NL if places(NL[key]) != places(EN[key])}


@pytest.mark.parametrize("name", language.LANGUAGES)
def test_a_catalogue_is_sorted_filled_and_without_doubles(name):
    path = ROOT / "static" / "language" / f"{name}.json"
    pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert sorted(set(keys)) == keys
    assert [] == [key for key in keys if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", key)]
    assert [] == [key for key, words in pairs if not words.strip() or words != words.strip()]
    assert [] == [key for key, words in pairs if "{" in language.PLACE.sub("", words)]


def test_a_plural_has_both_forms_and_counts():
    ones = {key.removesuffix(".one") for key in NL if key.endswith(".one")}
    others = {key.removesuffix(".other") for key in NL if key.endswith(".other")}
    assert ones == others
    assert [] == [key for key in others if key in NL or ("n", "") not in places(NL[f"{key}.other"])]


def test_what_the_house_says_of_a_delivery_that_it_could_not_read_has_words():
    codes = ("unreadable", "broken", "empty", "refused", "no_connector", "too_slow", "too_large", "odd-time",
             "too-many-recipients")
    assert [] == [code for code in codes if f"problem.{code}" not in NL]
    assert NL["problem.empty"] == language.word("nl", "problem", "empty")
    assert "Een sticker." == language.word("nl", "problem", "Een sticker.")  # a connector's own words


def test_every_key_that_is_used_exists():
    missing = [(path, key) for path, key, more in used()
               if (key not in COMPUTED and not key.startswith(COMPUTED) if more else not exists(key))]
    assert [] == missing


def test_no_key_is_unused():
    said = {key for _, key, _ in used()} | quoted()
    plain = {re.sub(r"\.(one|other)$", "", key) for key in NL}
    assert set() == {key for key in plain - said if not key.startswith(COMPUTED)}


def quoted() -> set[str]:
    """Everything in quotes that looks like a key: also those that reach `text` by way of a variable."""
    looks = re.compile(r"""(['"`])([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)\1""")
    return {match[2] for folder, (ending, _) in CALLS.items() for path in (ROOT / folder).rglob(f"*{ending}")
            for match in looks.finditer(path.read_text(encoding="utf-8"))}


def test_computed_keys_cover_what_the_domain_knows():
    states = re.search(r"check \(state in \(('new', 'open'[^)]*)\)", schema())[1]
    sending = re.search(r"check \(send_state in \(([^)]*)\)", schema())[1]
    wanted = {f"event.{kind}" for kind in KINDS} | {f"role.{role}" for role in ROLES}
    wanted |= {f"priority.{name}" for name in PRIORITIES} | {f"verb.{name}" for name in VERBS}
    wanted |= {f"state.{name}" for name in re.findall(r"\w+", states)}
    wanted |= {f"send.{name}" for name in re.findall(r"\w+", sending)}
    wanted |= {f"{part}.{number}" for part in ("weekday", "weekday.short") for number in range(7)}
    wanted |= {f"{part}.{number}" for part in ("month", "month.short") for number in range(1, 13)}
    nightly = (ROOT / "newsroom" / "nightly.py").read_text(encoding="utf-8")
    wanted |= {f"queue.night.{kind}" for kind in re.findall(r'\("(\w+)", (?:[A-Z_]+, \(|counts)', nightly)}
    assert set() == wanted - set(NL)


def test_every_problem_a_connector_or_calendar_notes_has_words():
    codes = {f"problem.{code}" for path in (ROOT / "connectors").rglob("*.py")
             for code in re.findall(r"notes\.add\(\s*\"([\w-]+)\"", path.read_text(encoding="utf-8"))}
    hours = (ROOT / "newsroom" / "hours.py").read_text(encoding="utf-8")
    codes |= {f"problem.hours.{kind}" for kind in re.findall(r"_problem\(\"(\w+)\"", hours)}
    codes |= set(re.findall(r"\"(problem\.hours\.\w+)\"", hours))
    assert 5 <= len(codes)
    assert set() == codes - set(NL)


def test_dutch_words_are_plain():
    avoided = re.compile(r"\b(ticket|escaleren|SLA|resolve|assignee|klant|hoofdredacteur)", re.IGNORECASE)
    assert {} == {key: words for key, words in NL.items() if avoided.search(words)}


def test_the_search_for_keys_finds_them():
    found = {folder: [(m["key"], bool(m["more"])) for m in call.finditer(
        """t("a.b") t( 'c.d', n=3) t('state.' ~ x) t(`send.${x}`) text(lang, f"role.{x}")
        raise Wrong("wrong.x")""")]
        for folder, (_, call) in CALLS.items()}
    plain = [("a.b", False), ("c.d", False), ("state.", True), ("send.", True)]
    assert plain == found["templates"] == found["static/js"]
    assert [*plain, ("role.", True), ("wrong.x", False)] == found["newsroom"]


def test_text_fills_in_values_plurals_and_words():
    assert "Sanne was je net voor" == text("nl", "conflict.taken", name="Sanne")
    assert "1 dag" == text("nl", "duration.days", n=1)
    assert "0 dagen" == text("nl", "duration.days", n=0)
    closed = text("en", "conflict.state", state="closed")
    assert "This conversation just changed. It is now: Finished." == closed
    assert "Nieuw" == text("xx", "state.new")
    assert "{name} was je net voor" == text("nl", "conflict.taken", name="{name}")  # not filled again


def test_what_is_missing_raises_here_and_shows_its_key_in_use(monkeypatch):
    with pytest.raises(KeyError, match=r"nl: no\.such"):
        text("nl", "no.such")
    with pytest.raises(KeyError, match=r"conflict\.taken \{name\}"):
        text("nl", "conflict.taken")
    monkeypatch.setattr(language, "strict", False)
    monkeypatch.setattr(language, "_missing", set())
    with capture_logs() as logged:
        assert "no.such" == text("nl", "no.such") == text("nl", "no.such")
        assert "{name} was je net voor" == text("nl", "conflict.taken")
    assert ["no.such", "conflict.taken {name}"] == [line["key"] for line in logged]


@pytest.mark.parametrize("header, expected", [
    (None, "nl"), ("", "nl"), ("en-GB,en;q=0.9,nl;q=0.8", "en"), ("nl-NL,nl;q=0.9,en;q=0.8", "nl"),
    ("de,fr", "nl"), ("de,en;q=0.5", "en"), ("nl;q=0.1, EN ; q=0.2", "en"), ("en;q=0", "nl"),
    ("en;q=x", "nl"), ("*", "nl"),
    ("q," * 100_000 + "en", "nl"), (";;,=en;q=1;q", "nl"), ("nl;q=0,en;q=0.1", "en"),
])
def test_the_browsers_language_is_chosen(header, expected):
    assert expected == choose(header)


MONDAY = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)


def test_dates_are_written_as_people_write_them():
    assert "ma 23 nov 10:42" == moment(MONDAY, "nl")
    assert "Mon 23 Nov 10:42" == moment(MONDAY, "en")
    assert "ma 23 nov 09:42" == moment(MONDAY, "nl", UTC)
    assert "vandaag 10:42" == moment(MONDAY, "nl", now=MONDAY + timedelta(hours=13))
    assert "ma 23 nov 10:42" == moment(MONDAY, "nl", now=MONDAY + timedelta(hours=14))  # past midnight here
    assert "23 nov 2026 10:42" == moment(MONDAY, "nl", now=MONDAY + timedelta(days=60))
    assert ("12 mei 2026", "12 May 2026") == (day(date(2026, 5, 12), "nl"), day(date(2026, 5, 12), "en"))
    assert ("12.345", "12,345", "999") == (number(12345, "nl"), number(12345, "en"), number(999, "nl"))


@pytest.mark.parametrize("minutes, dutch, english", [
    (0, "minder dan 1 min", "less than 1 min"), (12.9, "12 min", "12 min"), (59.99, "59 min", "59 min"),
    (60, "1 u", "1 h"), (65, "1 u 05", "1 h 05"), (74, "1 u 14", "1 h 14"), (1439, "23 u 59", "23 h 59"),
    (1440, "1 dag", "1 day"), (2 * 1440 + 700, "2 dagen", "2 days"),
])
def test_durations(minutes, dutch, english):
    assert (dutch, english) == (duration(minutes, "nl"), duration(minutes, "en"))


def test_what_remains():
    assert "nog 6 u" == remaining(MONDAY + timedelta(hours=6), MONDAY, "nl")
    assert "35 min te laat" == remaining(MONDAY - timedelta(minutes=35), MONDAY, "nl")
    assert "2 dagen te laat" == remaining(MONDAY - timedelta(days=2, hours=3), MONDAY, "nl")
    assert "2 days late" == remaining(MONDAY - timedelta(days=2, hours=3), MONDAY, "en")


def schema() -> str:
    paths = sorted((ROOT / "newsroom" / "schema").glob("*.sql"))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)
