"""The scripts of the demo: what a resident wrote, and what became of it. Read from content/*.toml.

    [[conversation]]
    key = "bak-zandweg"              # a name for others to refer to
    about = "afval"
    from = "Hanneke van Dijk <h.vandijk@post.example>"
    via = "info"                     # a mailbox of town.toml, or "form"
    subject = "..."                  # of a form: one of its answers
    when = "39m"                     # see moment.py
    ends = "t0.8"                    # the last step; or `lasts`, open minutes from the first message
    labels = ["..."]                 # given by the chef dag
    text = "..."
    steps = [{ claim = "joris" }, { answer = "joris", text = "...", then = "closed" }]

Each step is a verb with who did it; a resident's next message is `reply`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Any
from zlib import crc32

from newsroom.demo.moment import Moments

FILES = ("afval", "straat", "burgerzaken", "parkeren", "geld", "wijk", "overig", "kanalen")
WAGGLE = 0.3  # of the time between two steps: nobody works by the clock
CLOSED = ("closed", "earlier")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done: a verb, by whom, with the rest of what the script says."""

    verb: str
    who: str
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Script:
    """One conversation. `extra` are further fields of its first message: labels, form answers, files."""

    key: str
    about: str
    sender: str
    via: str
    subject: str
    text: str
    when: str
    ends: str = ""
    lasts: float = 0
    steps: tuple[Step, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def scripts() -> list[Script]:
    """Every conversation of the demo."""
    return [_script(one) for name in FILES for one in read(f"{name}.toml")["conversation"]]


def read(name: str) -> dict[str, Any]:
    """A file of content/."""
    return tomllib.loads(files("newsroom.demo").joinpath("content", name).read_text(encoding="utf-8"))


def times(script: Script, moments: Moments) -> list[datetime]:
    """When the first message came and when each step was done, in order."""
    start = moments.read(script.when)
    end = moments.read(script.ends) if script.ends else moments.after(start, script.lasts) if script.lasts else \
        moments.at - (moments.at - start) / 10
    found = [start]
    for number in range(1, len(script.steps) + 1):
        waggle = WAGGLE * crc32(f"{script.key}{number}".encode()) / 2**32 if number < len(script.steps) else 0
        found.append(max(moments.between(start, end, (number - waggle) / len(script.steps)), found[-1]))
    return found


def _script(one: dict[str, Any]) -> Script:
    steps = tuple(_step(step) for step in one.pop("steps", ()))
    labels = one.pop("labels", [])
    if labels:
        steps = (Step("label", "sanne", {"add": labels}), *steps)
    known = {name: one.pop(name) for name in ("about", "subject", "text", "when", "ends", "lasts") if name in one}
    known.setdefault("subject", "")
    via = one.pop("via", "info")
    return Script(one.pop("key", ""), sender=one.pop("from"), via=via, steps=steps, extra=one, **known)


def _step(given: dict[str, Any]) -> Step:
    verb, who = next(iter(given.items()))
    return Step(verb, who, {name: value for name, value in given.items() if name != verb})
