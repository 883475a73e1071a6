"""Old mail from files: every mail once, however it is kept and however often it is brought in."""

from __future__ import annotations

import mailbox
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from connectors.email import Email
from newsroom import command
from newsroom.intake import Intake
from newsroom.parser import Parsers
from newsroom.settings import Settings
from tests.connectors.email.conftest import mail
from tests.house import SECRET, add_channel
from tests.test_intake import rows


@pytest.fixture
def bring(database, tmp_path, capsys):
    """Import files; returns what was said."""
    async def run(*paths: Path) -> str:
        settings = Settings(database_url=database.url, owner_database_url=database.owner_url, data=tmp_path / "data")
        await command.import_mail(settings, Namespace(channel="Post", paths=list(paths)))
        said = capsys.readouterr()
        return said.out + said.err
    return run


def crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def boxed(path: Path, *mails: bytes) -> Path:
    box = mailbox.mbox(path)
    for raw in mails:
        box.add(raw.replace(b"\r\n", b"\n"))
    box.close()
    return path


async def test_a_folder_a_file_and_an_mbox_with_the_same_mails_twice(db, bring, tmp_path):
    await add_channel(db, "Post", kind="email")
    folder = tmp_path / "oud" / "2024"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"{number}.eml").write_bytes(crlf(mail(number)))
    (folder / "leeg.eml").write_bytes(b"")
    box = boxed(tmp_path / "archief.mbox", mail(1), mail(2), mail(3))
    assert "6 mails read, 6 new" in await bring(tmp_path / "oud", box)
    assert "6 mails read, 0 new" in await bring(tmp_path / "oud", box)
    await Intake(db, {"email": Email}, Parsers(1), SECRET, lambda: None).drain()
    assert [{"n": 4}] == await rows(db, "select count(*) as n from message")  # three mails, and what was no mail
    assert [{"state": "closed", "due_at": None}] == await rows(db, "select distinct state, due_at from conversation")


async def test_what_cannot_be_a_mail_is_told_and_the_rest_comes_in(db, bring, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "IMPORT_BYTES", 5000)
    await add_channel(db, "Post", kind="email")
    large = tmp_path / "schijf.img"
    large.write_bytes(bytes(5001))
    box = boxed(tmp_path / "b.mbox", mail(1), mail(2, "x" * 6000), mail(3))
    said = await bring(large, tmp_path / "weg.eml", box)
    assert "2 mails read, 2 new" in said
    for words in ("schijf.img: not read (5001 bytes", "weg.eml: not read", "b.mbox, mail 2: not read"):
        assert words in said


async def test_a_channel_that_is_not_there_is_told(db, bring, tmp_path):
    with pytest.raises(command.Failed, match="no channel Post"):
        await bring(tmp_path)


@pytest.mark.slow
def test_lines_that_nobody_reads_on_are_no_fault(tmp_path):
    path = tmp_path / "1.eml"
    path.write_bytes(mail(1, "x" * 100_000))
    shown = subprocess.Popen([sys.executable, "-m", "newsroom", "mail", "show", *[str(path)] * 20],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert shown.stdout.readline().startswith(b'{"file"')
    shown.stdout.close()
    assert b"" == shown.stderr.read()
    shown.stderr.close()
    shown.wait()
