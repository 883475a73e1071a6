"""What residents say to an answer, in its tone: content/resident.toml has the words."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from newsroom.demo.script import read

SHORT = 60  # characters; with less nobody feels helped
# how often each, of a hundred; the rest leaves it at that
USUAL = {"thanks": 50, "question": 25, "unsolved": 15}
CURT = {"thanks": 15, "question": 30, "unsolved": 50}
DONE = {"thanks": 30, "unsolved": 10}  # to who was told that it is over
ASKED = {"told": 95}
TALK = {"thanks": 70, "question": 20, "unsolved": 10}  # who chats says something always
NO = re.compile(r"\b(helaas|niet mogelijk|kan niet|mag niet|geen mogelijkheid|unfortunately)\b", re.I)
# what is asked, by its first sign
QUESTIONS = {"place": re.compile(r"\b(waar|welke straat|adres|huisnummer|woont?)\b", re.I),
             "offer": re.compile(r"\b(zal ik|zullen we|wilt? (u|je)|mag (ik|een)|kan ik|kunnen we)\b", re.I)}
ENGLISH = re.compile(r"\b(the|you|your|please)\b", re.I)
DUTCH = re.compile(r"\b(de|het|een|u|je|wij)\b", re.I)



@dataclass(frozen=True, slots=True)
class Words:
    """What a resident says to an answer, why, and what a colleague can say to that; empty: nothing."""

    way: str = ""
    text: str = ""
    answer: str = ""


def words(body: str, state: str, chance: random.Random, tone: str = "letter") -> Words:
    """What a resident says to this answer, in its tone."""
    texts = read("resident.toml")[tone]
    ways = ASKED if "?" in body else TALK if tone == "chat" else CURT if len(body) < SHORT or NO.search(body) else \
        DONE if state == "closed" else USUAL
    way, = chance.choices([*ways, ""], [*ways.values(), 100 - sum(ways.values())])
    if not way:
        return Words()
    kind = "english" if ENGLISH.search(body) and not DUTCH.search(body) else way
    asked = next((name for name, sign in QUESTIONS.items() if sign.search(body)), "fact")
    one = chance.choice([one for one in texts[kind] if one.get("to", asked) == asked])
    return Words(way, one["text"], one.get("answer", ""))
