"""What the scripts and style sheets may not do, what they may weigh, and whether every colour can be read."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "static"
TEMPLATES = STATIC.parent / "templates"
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
BUDGET = 60_000  # bytes of JavaScript on one page, packed
ENTRIES = ("board.js", "conversation.js")
# ways to make text into elements or code; only fragment.js may, through the one policy
SINKS = re.compile(r"\b(innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|createContextualFragment"
                   r"|parseFromString|setHTMLUnsafe|parseHTMLUnsafe|srcdoc|eval|new Function)\b")
INLINE = re.compile(r"""\sstyle=|\son[a-z]+=["']|<style\b|javascript:"""
                    r"""|<script\b(?![^>]*\bsrc=)(?![^>]*application/json)""")


def imports(name: str) -> set[str]:
    """A module and everything it imports."""
    found, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += re.findall(r'from "\./([\w.]+)"', (STATIC / "js" / one).read_text(encoding="utf-8"))
    return found


def test_only_one_module_turns_text_into_elements():
    found = {path.name: SINKS.findall(path.read_text(encoding="utf-8")) for path in SCRIPTS}
    assert ["fragment.js"] == [name for name, sinks in found.items() if sinks]
    assert 1 == sum(path.read_text(encoding="utf-8").count("createPolicy(") for path in SCRIPTS)


def test_templates_hold_no_style_and_no_script():
    allowed = {"conversation/mail_body.html"}  # a frame with a policy of its own
    found = [path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")
             if INLINE.search(path.read_text(encoding="utf-8"))]
    assert [] == sorted(set(found) - allowed)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_scripts_of_a_page_are_light(entry):
    text = b"".join((STATIC / "js" / name).read_bytes() for name in sorted(imports(entry)))
    assert len(gzip.compress(text)) < BUDGET


def test_the_first_sheet_gives_the_order_of_all_layers():
    """Sheets are linked by name; the order of layers decides, not the order of the files."""
    sheets = [path for path in sorted((STATIC / "css").glob("*.css")) if not path.name.startswith("public")]
    order = re.findall(r"\w+", sheets[0].read_text(encoding="utf-8").splitlines()[0].removeprefix("@layer"))
    used = {name for path in sheets for name in re.findall(r"@layer (\w+) \{", path.read_text(encoding="utf-8"))}
    assert used <= set(order)


def tokens() -> dict[str, tuple[str, str]]:
    """The colours of tokens.css: (light, dark), without their number sign."""
    text = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    found = {name: (light, dark) for name, light, dark in
             re.findall(r"--nr-([\w-]+): light-dark\(#(\w{6}), #(\w{6})\)", text)}
    return found | {name: (one, one) for name, one in re.findall(r"--nr-([\w-]+): #(\w{6});", text)}


def luminance(colour: str) -> float:
    parts = [int(colour[at:at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= .04045 else ((part + .055) / 1.055) ** 2.4 for part in parts)
    return .2126 * red + .7152 * green + .0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + .05) / (darker + .05)


TEXT = [("ink", ground) for ground in ("canvas", "surface", "well", "raise", "note", "primary-soft")] + [
    ("ink-2", ground) for ground in ("canvas", "surface", "well", "raise")] + [
    ("primary-ink", "primary"), ("primary-text", "primary-soft"), ("primary-text", "surface"), ("primary-text", "well"),
    ("primary-text", "note"), ("late-ink", "late"), ("late-text", "late-soft"), ("late-text", "raise"),
    ("soon-ink", "soon"), ("ok-text", "ok-soft"), ("ok-text", "surface"), ("calm-ink", "calm"),
    ("topic-text", "topic-soft"), ("rail-ink", "rail"), ("canvas", "ink")]
LINES = [("control", "well"), ("control", "surface"), ("soon-line", "well"), ("topic-line", "topic-soft"),
         ("late", "raise"), ("focus-in", "focus-out"), ("ok-dot", "surface"), ("note-line", "note")]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_pair_of_colours_can_be_read(theme):
    colours = {name: pair[theme] for name, pair in tokens().items()}
    weak = {f"{one} on {other}": round(contrast(colours[one], colours[other]), 2)
            for pairs, least in ((TEXT, 4.5), (LINES, 3.0)) for one, other in pairs
            if contrast(colours[one], colours[other]) < least}
    assert {} == weak
