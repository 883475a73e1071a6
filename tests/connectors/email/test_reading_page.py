"""The page about reading mail names every problem code and every limit that the code has, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import connectors.email

ROOM = Path(connectors.email.__file__).parent
PAGE = (ROOM / "README.md").read_text("utf-8")


def test_every_problem_code_is_on_the_page():
    source = "\n".join(path.read_text("utf-8") for path in ROOM.glob("*.py"))
    used = set(re.findall(r'notes\.add\("([a-z0-9-]+)"', source))
    used |= set(re.findall(r'\bproblems(?:=\(|": \[)"([a-z0-9-]+)"', source))
    used |= {one for pair in re.findall(r'notes\.add\("([a-z-]+)" if \w+ else "([a-z-]+)"\)', source) for one in pair}
    used |= set(re.findall(r'for code in \("([a-z-]+)", \*notes', source))
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.M)
    assert sorted(used) == sorted(listed)
    assert listed == sorted(listed)


def test_every_limit_is_on_the_page():
    limits = (ROOM / "limits.py").read_text("utf-8")
    numbers = {f"{int(number):,}" for number in re.findall(r"^[A-Z_]+ = ([\d_]+)", limits, re.M)}
    table = PAGE[PAGE.index("### Limits"):PAGE.index("### Problem codes")]
    assert not {number for number in numbers if not re.search(rf"(?<![\d,]){number}(?!,?\d)", table)}
