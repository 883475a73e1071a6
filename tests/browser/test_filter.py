"""The browser's filter asks for exactly the cards that the server's does."""

from __future__ import annotations

import random

from newsroom.board import Filter
from newsroom.conversation import LOW, URGENT

CASES = 1000
FIELDS = ("channels", "teams", "assignees", "labels", "priorities", "lateness")


def a_filter(random: random.Random) -> dict[str, list[int]]:
    return {field: random.sample(range(4), random.choice((0, 0, 1, 2))) for field in FIELDS}


def a_card(random: random.Random) -> dict:
    return {"state": random.choice(("new", "open", "closed")), "class": "open",
            "team": random.choice((None, 1, 2, 3)), "assignee": random.choice((None, 1, 2, 3)),
            "channel": random.randrange(4), "priority": random.randint(LOW, URGENT),
            "labels": sorted(random.sample(range(4), random.randrange(3))), "lateness": random.randrange(3)}


async def test_both_filters_agree_on_a_thousand_random_cases(place, sign_in):
    chance = random.Random(20261123)
    cases = [(a_filter(chance), a_card(chance)) for _ in range(CASES)]
    expected = [Filter(**{field: tuple(ids) for field, ids in wanted.items()}).matches(card) for wanted, card in cases]
    page = await sign_in("Sanne Vos", "/bord")
    source = await page.evaluate("document.querySelector('script[src*=\"board.js\"]').src"
                                 ".replace('board.js', 'filter.js')")
    found = await page.evaluate("async ([source, cases]) => { const { matches } = await import(source);"
                                " return cases.map(([rule, card]) => matches(rule, card)); }", [source, cases])
    assert expected == found
    assert 100 < sum(expected) < 900
