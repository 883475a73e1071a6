"""The table of limits in newsroom/web/README.md says what the code does, and leaves none of them out."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from newsroom import form, form_file
from newsroom.limit import Limit
from newsroom.web import limits

README = Path(limits.__file__).parent / "README.md"
ROW = re.compile(r"^\| [^|]+ \| [^|]+ \| (?P<most>[^|]+) \| `(?P<code>[^`]+)` \| [^|]+ \|$", re.MULTILINE)
CODE = re.compile(r"(?P<module>[\w.]+)\.(?P<name>[A-Z_]+)(\[\"(?P<key>\w+)\"\])?")


def value_of(code: str):
    found = CODE.fullmatch(code)
    value = getattr(import_module(found["module"]), found["name"])
    return value[found["key"]] if found["key"] else value


def written(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{one.most} in {one.seconds} s" for one in value)
    return str(value)


def rows() -> dict[str, str]:
    return {row["code"]: row["most"].strip() for row in ROW.finditer(README.read_text(encoding="utf-8"))}


def test_every_line_of_the_table_is_what_the_code_does():
    assert {code: written(value_of(code)) for code in rows()} == rows()


def test_every_limit_of_the_entrances_is_in_the_table():
    names = {f"newsroom.web.limits.{name}" for name, value in vars(limits).items()
             if name.isupper() and isinstance(value, int | tuple)}
    assert len(names) >= 14
    assert set() == names - set(rows())
    assert len(rows()) == README.read_text(encoding="utf-8").partition("## Limits")[2].count("\n| ") - 1


def test_limits_belong_together():
    assert limits.STATE_SECONDS == form_file.KEEP.total_seconds()
    assert limits.ANSWER_CHARACTERS == form.LONGEST_ANSWER
    assert all(isinstance(one, Limit) for one in (*limits.FORM_SENDS, *limits.FORM_UPLOADS))
