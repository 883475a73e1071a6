"""The house style of the public pages: colours that everybody can read, and the municipality's own links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from newsroom import setting
from newsroom.database import Connection

NAME = "theme"  # of the setting
COLOUR = re.compile(r"#[0-9a-f]{6}")
TEXT_CONTRAST = 4.5  # WCAG 1.4.3, at least
PAGE, DARK_PAGE, WHITE, DARK_INK = "#ffffff", "#121b22", "#ffffff", "#06212c"
MOST_LINKS = 6
MOST_LINES = 200  # of a statement
STATEMENTS = ("privacy", "accessibility", "objection")  # that every public page leads to
LONGEST_LINE = 2000  # characters of one of them
LINK = re.compile(r"(?P<text>[^<>]{1,60}?)\s+(?P<url>https?://[^\s<>\"']{3,300})")


@dataclass(frozen=True, slots=True)
class Theme:
    """What an administrator chose. Links are lines "text https://...", in Dutch and English with a bar between. The
    statements are lines too; empty: the text that comes with Newsroom."""

    header: str = "#0c3346"
    action: str = "#0a5a75"
    menu: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    privacy: tuple[str, ...] = ()
    accessibility: tuple[str, ...] = ()
    objection: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one scheme, as the style sheet needs them."""

    header: str
    header_ink: str
    action: str
    action_ink: str
    action_hover: str
    link: str


class Wrong(Exception):
    """A theme that cannot be saved: {field: key of what is wrong}."""

    def __init__(self, problems: dict[str, str]):
        super().__init__(str(problems))
        self.problems = problems


async def load(connection: Connection) -> Theme:
    """The theme that was set, or the neutral one."""
    found = await setting.read(connection, NAME, {})
    return Theme(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


async def save(connection: Connection, theme: Theme) -> None:
    """Set it. Raises `Wrong`, with every mistake, for colours that some people cannot read."""
    problems = check(theme)
    if problems:
        raise Wrong(problems)
    await setting.write(connection, NAME, asdict(theme))


def check(theme: Theme) -> dict[str, str]:
    """What is wrong, by field."""
    problems = {}
    for name in ("header", "action"):
        if not COLOUR.fullmatch(getattr(theme, name)):
            problems[name] = "theme.wrong.colour"
    if "header" not in problems and contrast(theme.header, _ink(theme.header)) < TEXT_CONTRAST:
        problems["header"] = "theme.wrong.contrast"
    if "action" not in problems and contrast(theme.action, PAGE) < TEXT_CONTRAST:
        problems["action"] = "theme.wrong.contrast"
    for name in ("menu", "footer"):
        lines = getattr(theme, name)
        if len(lines) > MOST_LINKS or not all(LINK.fullmatch(line) for line in lines):
            problems[name] = "theme.wrong.links"
    for name in STATEMENTS:
        lines = getattr(theme, name)
        if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
            problems[name] = "theme.wrong.statement"
    return problems


def links(lines: Sequence[str]) -> list[tuple[str, str]]:
    """(text, address) of each line."""
    return [(found["text"], found["url"]) for line in lines if (found := LINK.fullmatch(line))]


def light(theme: Theme) -> Colours:
    """On a white page the action colour is used as it is."""
    return Colours(theme.header, _ink(theme.header), theme.action, WHITE, _towards(theme.action, "#000000", 0.3),
                   theme.action)


def dark(theme: Theme) -> Colours:
    """On a dark page it is made lighter until it can be read."""
    shade = theme.action
    while contrast(shade, DARK_PAGE) < 7:
        shade = _towards(shade, WHITE, 0.1)
    return Colours(_towards(theme.header, "#000000", 0.7), WHITE, shade, DARK_INK, _towards(shade, WHITE, 0.4), shade)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, 1 to 21)."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
             for value in (part / 255 for part in _parts(colour))]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _ink(colour: str) -> str:
    return WHITE if contrast(colour, WHITE) >= TEXT_CONTRAST else DARK_INK


def _towards(colour: str, other: str, share: float) -> str:
    mixed = [round(a + (b - a) * share) for a, b in zip(_parts(colour), _parts(other), strict=True)]
    if mixed == list(_parts(colour)):
        mixed = list(_parts(other))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
