"""How much comes in at Voorbeeldstad, when, about what and in whose words: in the weeks before, and while it runs."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from newsroom.demo import mailbag, peaks, stream
from newsroom.demo.past import Past, Plan, past
from newsroom.demo.script import read, scripts
from newsroom.demo.shift import Shifts
from newsroom.demo.volume import ABOUT, DAY, WEEK, ZONE, divide, volume
from newsroom.hours import Block, Hours

AT = datetime(2026, 11, 23, 13, 42, tzinfo=UTC)  # a Monday afternoon
OFFICE = Hours(tuple(Block(day, 540, 1020) for day in range(5)))
# on a working day: (fewest, most) by 100,000 and by 350,000 inhabitants; what colleagues enter comes beside it
MODEL = {("info", "burgerzaken", "form"): ((22, 45), (100, 135)), ("chat",): ((8, 15), (30, 60)),
         ("social",): ((1, 4), (5, 15)), ("app",): ((5, 12), (20, 40))}
INHABITANTS = 120_000


def test_the_weeks_have_the_shares_of_a_municipality():
    found = made()
    assert all(abs(number / len(found) * 100 - percent) <= percent / 10
               for about, percent in ABOUT.items() for number in [sum(one.about == about for one in found)])
    usual = {vias: sum(low + (high - low) * (INHABITANTS - 100_000) / 250_000 for low, high in zip(*ends, strict=True))
             for vias, ends in MODEL.items()}
    modelled = [one for one in found if any(one.via in vias for vias in MODEL)]
    for vias, number in usual.items():
        share = number / sum(usual.values())
        assert abs(sum(one.via in vias for one in modelled) / len(modelled) - share) <= share / 10
    hours = Counter(one.at.astimezone(ZONE).hour for one in found)
    assert all(abs(hours[hour] / len(found) * 100 - percent) <= max(percent / 10, 0.5)
               for hour, percent in enumerate(DAY))
    days = Counter(one.at.astimezone(ZONE).weekday() for one in found)
    assert all(abs(days[day] / len(found) - part / sum(WEEK)) <= 0.02 for day, part in enumerate(WEEK))
    assert found == made() and found != made(seed=2)


def test_channels_are_used_when_and_for_what_they_are_there():
    for one in made():
        local = one.at.astimezone(ZONE)
        if one.via in ("phone", "counter", "post"):
            assert local.weekday() < 5 and 9 <= local.hour < 17
        if one.via == "app":
            assert one.kind == "melding"
        if one.via == "burgerzaken":
            assert one.about in ("paspoort", "verhuizen")


def test_few_of_the_weeks_are_alike():
    """Alike is: the same but for names, streets and numbers."""
    names = sorted({name for names in read("trickle.toml")["names"].values() for name in names}, key=len, reverse=True)
    inserted = re.compile("|".join(map(re.escape, names)) + "|[0-9]+")
    bodies = Counter(inserted.sub("", one.text) for one in made())
    total = sum(bodies.values())
    assert sum(n * (n - 1) for n in bodies.values()) / (total * (total - 1)) < 0.02


def test_what_is_divided_has_the_shares_of_the_whole():
    whole, sizes = {"a": 5.0, "b": 3.0, "c": 2.0}, {"x": 10.0, "y": 30.0}
    found = divide(whole, sizes, {"x": ["a"]})
    assert {"a": 1.0} == found["x"]
    for part, weight in whole.items():
        assert weight / 10 == pytest.approx(sum(found[name].get(part, 0) * size / 40 for name, size in sizes.items()))


def test_somebody_is_always_at_work_and_a_shift_may_end_the_next_morning():
    shifts = Shifts(read("town.toml")["shifts"])
    webcare = [key for key, one in read("town.toml")["people"].items() if "webcare" in one["teams"]]
    for hour in range(7 * 24):
        assert shifts.of(AT + timedelta(hours=hour), webcare)
    night = Shifts({"piket": {"from": 17, "until": 33, "days": {"joris": [0]}}})
    at = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)  # Tuesday 8:30
    assert {"joris": datetime(2026, 11, 24, 8, tzinfo=UTC)} == night.until(at)
    assert {} == night.until(at + timedelta(minutes=30))


def made(seed: int = 1) -> list[Past]:
    plan = read("town.toml")
    return past(AT, Plan(plan["channels"], read("history.toml"), read("trickle.toml")["names"], plan["workers"],
                         Shifts(plan["shifts"]), OFFICE), seed)


def test_there_are_four_hundred_texts_by_hand():
    texts = [text for one in scripts() for text in [one.text, *(step.more.get("text", "") for step in one.steps)]]
    texts += [one["text"] for one in read("trickle.toml")["message"]]
    texts += [one[part] for about in read("history.toml").values() for one in about for part in ("text", "answer")]
    texts += [one["text"] for plan in read("burst.toml").values() for one in plan["message"]]
    texts += [one[part] for tone in read("resident.toml").values() for ways in tone.values() for one in ways
              for part in ("text", "answer") if part in one]
    texts = [text.strip() for text in texts if text.strip()]
    assert len(set(texts)) >= 600 and len(texts) - len(set(texts)) < 5


def test_volumes_follow_the_week_and_the_day():
    bag = mailbag.Mailbag(random.Random(1))
    monday, sunday = datetime(2026, 11, 23, 9, tzinfo=UTC), datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert stream.an_hour(bag, monday) > 4 * stream.an_hour(bag, sunday)
    assert stream.FEWEST_AN_HOUR == stream.an_hour(bag, datetime(2026, 11, 23, 2, tzinfo=UTC))
    assert 100 == sum(DAY) and 5.0 == pytest.approx(sum(WEEK), abs=0.15)
    usual = volume(read("town.toml")["channels"])
    a_week = [usual.an_hour(datetime(2026, 11, 23, tzinfo=ZONE) + timedelta(hours=hour)) for hour in range(7 * 24)]
    for via, a_day in usual.a_day.items():
        assert a_day * sum(WEEK) == pytest.approx(sum(hour[via] for hour in a_week), rel=0.02)


def test_what_comes_in_now_has_the_shares_of_its_channels_and_subjects():
    chance, usual = random.Random(3), volume(read("town.toml")["channels"])
    bag, n = mailbag.Mailbag(chance), 20_000
    hours = [AT - timedelta(hours=hour) for hour in range(7 * 24)]
    drawn = chance.choices(hours, [sum(usual.an_hour(hour).values()) for hour in hours], k=n)
    found = Counter(bag.draw(hour).via for hour in drawn)
    for via, a_day in usual.a_day.items():
        share = a_day / sum(usual.a_day.values())
        assert abs(found[via] / n - share) <= share / 10
    for about, percent in ABOUT.items():
        share = sum(usual.a_day[via] * shares.get(about, 0) for via, shares in usual.about.items())
        assert percent == pytest.approx(100 * share / sum(usual.a_day.values()))


def test_every_text_that_can_come_is_whole():
    bag = mailbag.Mailbag(random.Random(2))
    for via in read("town.toml")["channels"]:
        for item in [bag.over(via) for _ in range(300)]:
            assert item.letter.text and "{" not in item.letter.subject + item.letter.text + item.answer
            assert via in ("social", "chat") or item.letter.subject
            assert via != "social" or len(item.answer) <= 480


async def test_what_comes_in_a_peak_is_written_when_it_comes():
    began, came = datetime.now(UTC), []

    async def come(item: mailbag.Item) -> None:
        came.append((datetime.now(UTC), item.at))

    await stream.peak(come, "storm", seconds=0.5)
    assert max(at for _, at in came) > began + timedelta(seconds=0.3)
    assert all(abs(when - at) < timedelta(seconds=0.1) for when, at in came)


@pytest.mark.parametrize("name", peaks())
def test_a_peak_is_steep_and_comes_over_several_channels(name):
    plan, usual = read("burst.toml")[name], volume(read("town.toml")["channels"])
    assert len(plan["message"]) >= 15 and len({one["text"] for one in plan["message"]}) == len(plan["message"])
    assert plan["factors"].keys() == {one["via"] for one in plan["message"]} and len(plan["factors"]) >= 3
    found = mailbag.course(name, random.Random(1))
    assert [one[0] for one in found] == sorted(one[0] for one in found) and 0 <= found[0][0] and found[-1][0] < 1
    assert all("{" not in item.letter.subject + item.letter.text + item.answer for _, item in found)
    # so many times as many as in hours that are always the busiest, were the top to last
    for via, factor in plan["factors"].items():
        most = usual.a_day[via] * usual.busiest * mailbag.PEAK_HOURS * factor
        assert 0.3 * most - 1 <= sum(item.via == via for _, item in found) <= 0.5 * most + 1
    early, late = (sum(low <= one[0] < low + 0.3 for one in found) for low in (0.0, 0.7))
    assert early > 2 * late
