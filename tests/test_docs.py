"""The documents fail when they are no longer true."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from newsroom.__main__ import parser
from newsroom.settings import PREFIX, Settings, SettingsWrong, load

ROOT = Path(__file__).parent.parent


def test_the_configuration_table_is_complete_and_says_what_the_code_says():
    rows = dict(re.findall(r"^\| `(NEWSROOM_\w+)` \| .*? \| (.*) \|$", (ROOT / "README.md").read_text(), re.M))
    assert rows == {PREFIX + f.name.upper(): f.metadata["help"] for f in fields(Settings)}


def test_every_file_that_a_document_names_exists():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("newsroom/**/*.md"), *ROOT.glob("connectors/**/*.md")]:
        for name in re.findall(r"`([\w./]+\.(?:py|md|sql|yml))`", page.read_text()):
            places = [page.parent / name, ROOT / name, *(ROOT / "tests").rglob(Path(name).name)]
            assert any(place.exists() for place in places), f"{page.name} names {name}"


def test_all_mistakes_in_the_settings_are_told_at_once():
    with pytest.raises(SettingsWrong) as wrong:
        load({"NEWSROOM_PORT": "none", "NEWSROOM_REDIS_URL": "http://x", "NEWSROOM_PROT": "1"})
    assert sorted(line.partition(":")[0] for line in str(wrong.value).splitlines()) == [
        "NEWSROOM_PORT", "NEWSROOM_PROT", "NEWSROOM_REDIS_URL"]


def test_a_file_gives_settings_and_the_environment_wins(tmp_path):
    file = tmp_path / "settings"
    file.write_text("# ours\nNEWSROOM_PORT=9000\nexport NEWSROOM_HOST='0.0.0.0'\n")
    found = load({"NEWSROOM_PORT": "9001"}, file)
    assert (found.port, found.host) == (9001, "0.0.0.0")


def test_every_command_explains_itself(capsys):
    for words in _commands(parser()):
        with pytest.raises(SystemExit) as end:
            parser().parse_args([*words, "--help"])
        assert end.value.code == 0 and "usage:" in capsys.readouterr().out


def _commands(one, before=()):
    yield list(before)
    for action in one._actions:
        if action.dest == "==SUPPRESS==" and hasattr(action, "choices"):
            for name, child in (action.choices or {}).items():
                yield from _commands(child, (*before, name))
