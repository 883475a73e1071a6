"""A figure: what was measured, beside what, and whether that is good enough. And the table of all figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MARKS = {True: "ok", False: "FAIL", None: ""}


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `beside` is the floor or limit of the same run. Only a `hard` figure can fail the run: a ratio, a
    growth or the shape of a plan. Milliseconds are goals."""

    name: str
    value: str
    beside: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None
    hard: bool = False

    @property
    def mark(self) -> str:
        return "missed" if self.met is False and not self.hard else MARKS[self.met]


def at_least(name: str, ours: Sequence[float], beside: Sequence[float], goal: float, unit: str) -> Figure:
    """Rates measured in turns: the middle of the ratios of each turn must reach `goal`."""
    ratio = statistics.median(one / other for one, other in zip(ours, beside, strict=True))
    return Figure(name, amount(statistics.median(ours), unit), amount(statistics.median(beside), unit), f"{ratio:.2f}",
                  f">= {goal:g} x", ratio >= goal, hard=True)


def at_most(name: str, ours: float, beside: float, goal: float, unit: str) -> Figure:
    """A cost that may be at most `goal` times the other."""
    ratio = ours / beside
    return Figure(name, amount(ours, unit), amount(beside, unit), f"{ratio:.2f}", f"<= {goal:g} x", ratio <= goal,
                  hard=True)


def rate(name: str, value: float, goal: float | None = None, unit: str = "/s") -> Figure:
    """A rate with a goal that is only printed."""
    return Figure(name, amount(value, unit), goal=f">= {amount(goal, unit)}" if goal else "",
                  met=value >= goal if goal else None)


def cost(name: str, value: float, goal: float | None = None, unit: str = "ms") -> Figure:
    """A time or size with a goal that is only printed."""
    return Figure(name, amount(value, unit), goal=f"<= {goal:g} {unit}" if goal else "",
                  met=value <= goal if goal else None)


def shape(name: str, met: bool, found: str) -> Figure:
    """The shape of a plan, or anything else that is so or not."""
    return Figure(name, found, met=met, hard=True)


def amount(value: float, unit: str) -> str:
    """A number with about three digits that count, and its unit."""
    digits = max(0, 2 - int(math.floor(math.log10(abs(value))))) if value else 0
    space = "" if unit.startswith("/") else " "
    return f"{value:,.{min(digits, 3)}f}{space}{unit}"


def percentile(values: Iterable[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns, as Markdown."""
    head = ("what", "measured", "beside", "ratio", "goal", "")
    rows = [head, *((f.name, f.value, f.beside, f.ratio, f.goal, f.mark) for f in figures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
             for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
