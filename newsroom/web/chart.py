"""The drawing of a channel's last day, as numbers for an SVG: what came, what is normal, and between which it usually
is. The template draws; this file only places points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from newsroom.flow import HOURS, ZONE, Flow

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)  # between two lines of the scale
MOST_LINES = 4
LABEL_HOURS = 6  # every so many hours of the clock a label, and none close to the edges
LEAST_TOP = 2  # a scale up to one message makes a mountain of it


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the drawing lies, in units of its view box."""

    left: float
    top: float
    right: float
    bottom: float


SMALL, LARGE = Frame(0, 3, 152, 34), Frame(28, 8, 424, 146)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale with its number, or a moment with its local time; `midnight` begins a day."""

    place: float
    n: int = 0
    at: datetime | None = None
    midnight: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Points as SVG wants them. `band` and `normal` are empty while nobody knows what is normal. `mark` is the place
    of a moment that the drawing points at."""

    actual: str
    band: str
    normal: str
    end: tuple[float, float]
    scale: tuple[Tick, ...]
    times: tuple[Tick, ...]
    mark: float | None


def draw(flow: Flow, frame: Frame, mark: datetime | None = None) -> Chart:
    """The chart of a flow within a frame; the last point is the last sixty minutes."""
    points = [*flow.hours, flow.now]
    most = max(LEAST_TOP, *(max(one.n, one.usual[1]) for one in points))
    step = next(step for step in STEPS if most / step <= MOST_LINES)
    top = step * ceil(most / step)

    def x(at: int) -> float:
        return frame.left + (frame.right - frame.left) * at / HOURS

    def y(n: float) -> float:
        return frame.bottom - (frame.bottom - frame.top) * n / top

    known = [(x(at), one) for at, one in enumerate(points) if one.normal is not None]
    upper, lower = [(at, y(one.usual[1])) for at, one in known], [(at, y(one.usual[0])) for at, one in known]
    actual = [(x(at), y(one.n)) for at, one in enumerate(points)]
    return Chart(_points(actual), _points([*upper, *reversed(lower)]),
                 _points((at, y(one.normal or 0)) for at, one in known),
                 (round(actual[-1][0], 1), round(actual[-1][1], 1)),
                 tuple(Tick(round(y(n), 1), n) for n in range(0, top + 1, step)), _times(flow, x),
                 _place(mark, flow, frame))


def _times(flow: Flow, x: Callable[[int], float]) -> tuple[Tick, ...]:
    found = []
    for at, one in enumerate(flow.hours):
        local = one.start.astimezone(ZONE)
        if local.hour % LABEL_HOURS == 0 and 1 <= at <= HOURS - 2:
            found.append(Tick(round(x(at), 1), at=one.start, midnight=local.hour == 0))
    return tuple(found)


def _place(mark: datetime | None, flow: Flow, frame: Frame) -> float | None:
    """Where a moment lies, when it lies in the drawing."""
    end = flow.now.start + timedelta(hours=1)
    share = (mark - (end - timedelta(hours=HOURS))) / timedelta(hours=HOURS) if mark else -1
    return round(frame.left + (frame.right - frame.left) * share, 1) if 0 <= share <= 1 else None


def _points(points: Iterable[Sequence[float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
