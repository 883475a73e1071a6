"""A channel from a package of somebody else: found by its entry point, set up in Beheer, pushed to and read."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import connectors
from connectors import Delivery, DeliveryKey
from connectors.away import settings_of
from newsroom import channel, checkup, collect, command, delivery, secret
from newsroom.intake import Intake
from newsroom.parser import Parsers
from newsroom.settings import Settings
from tests.house import SECRET
from tests.test_channel import BY
from tests.test_collect import until
from tests.web.staff import add_person, enter, whole

MODULE = '''
import hmac, json
from dataclasses import dataclass
from datetime import UTC, datetime
from connectors import (Author, Capabilities, Delivery, DeliveryKey, ExternalId, Incoming, Kind, NotVerified, Secret,
                        Step, TryLater, clean, option)

@dataclass(frozen=True, slots=True)
class Settings:
    key: Secret = option("De sleutel van de bel.", label="Sleutel", required=True)

class Bell:
    name, title, Settings = "doorbell", "Deurbel", Settings
    capabilities = Capabilities()
    hostile_input = False
    def __init__(self, settings): self._key = settings.key.reveal()
    def verify(self, headers, body, received_at):
        given = headers.get("X-Bell-Key", "").encode(errors="surrogateescape")
        if not self._key or not hmac.compare_digest(given, self._key.encode()): raise NotVerified("no key")
        return Delivery(DeliveryKey(headers["X-Bell-Id"]), body, received_at)
    @staticmethod
    def parse(delivery):
        try:
            said = json.loads(delivery.body)
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author("doorbell", str(said["who"])),
                             text=clean(str(said["text"])))]
        except (ValueError, KeyError, TypeError, RecursionError):
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author("doorbell", ""),
                             kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", "form-unknown"))]
    async def check(self): return [Step("Bel", True)]
    async def send(self, outgoing): raise TryLater("Niemand thuis.")
    async def close(self): pass
'''
RING = b'{"who": "voordeur", "text": "Er is iemand."}'


OURS = ["chat", "desk", "email", "mastodon", "web_form", "webhook"]
AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
VOORDEUR = channel.Channel(0, "doorbell", "Voordeur")


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> Path:
    """An installed distribution, as pip leaves it."""
    folder = tmp_path / "site"
    about = folder / "newsroom_doorbell-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "newsroom_doorbell.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: newsroom-doorbell\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{connectors.ENTRY_POINTS}]\ndoorbell = newsroom_doorbell:Bell\n")
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("newsroom_doorbell", None)


async def test_it_is_found_set_up_pushed_to_and_read(package, db, database, tmp_path):
    kind = connectors.connectors()["doorbell"]
    async with whole(database.url, tmp_path) as client:
        admin = await enter(client, db, await add_person(db, "Baas", "admin"))
        await admin.get("/beheer/kanalen")
        assert "Deurbel" in admin.words
        filled = {"name": "Voordeur", "mode": "live", "s-key": "tring"}
        saved = await admin.post("/beheer/kanalen/nieuw/doorbell", filled)
        assert 303 == saved.status, admin.words
        address = saved.headers["Location"].partition("?")[0].replace("/beheer/kanalen/", "/ontvangst/")
        await admin.get(saved.headers["Location"])
        assert address in admin.text
        for key, status in (("tring", 200), ("trang", 401), ("tring", 200)):
            answer = await client.post(address, data=RING, headers={"X-Bell-Key": key, "X-Bell-Id": "1"})
            assert status == answer.status
    await Intake(db, {"doorbell": kind}, Parsers(1), SECRET, lambda: None).drain()
    async with db.connection() as connection:
        found = await connection.fetch("select author_kind, author_address, body from message")
    assert [("doorbell", "voordeur", "Er is iemand.")] == [tuple(row) for row in found]


# what can be wrong with somebody's package, and a word of why
WRONG = {
    "nothing installed": ("", "No module named"),
    "raises": ("raise RuntimeError('stuk')", "RuntimeError: stuk"),
    "ends the program": ("import sys; sys.exit('weg')", "SystemExit: weg"),
    "no such class": ("x = 1", "Bell"),
    "no connector": ("class Bell: name = 'doorbell'", "lacks title"),
    "another name": (MODULE.replace('= "doorbell", "Deurbel"', '= "belletje", "Deurbel"'), "called doorbell"),
    "no form": (MODULE.replace("key: Secret = option(", "key: dict = option("), "Settings.key"),
    "no option": (MODULE.replace("    key: Secret", "    bell: str\n    key: Secret"), "Settings.bell"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_broken_package_is_left_out_and_told(package, tmp_path, wrong):
    module, why = WRONG[wrong]
    break_it(package, module)
    kinds, broken = connectors.installed()
    assert OURS == sorted(kinds) == sorted(connectors.connectors())
    assert [("doorbell", "newsroom-doorbell")] == [(one.name, one.package) for one in broken]
    assert why in broken[0].why
    told = _suite(package, "doorbell", tmp_path, 2)
    assert "newsroom-doorbell" in told and why in told


def test_the_page_shows_a_package_that_can_be_installed(tmp_path, monkeypatch):
    """Without its name in py-modules setuptools takes the folder with payloads for the package."""
    page = (Path(connectors.__file__).parent / "README.md").read_text(encoding="utf-8")
    told = tomllib.loads(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    module, _, _ = told["project"]["entry-points"][connectors.ENTRY_POINTS]["example"].partition(":")
    assert [module] == told["tool"]["setuptools"]["py-modules"]
    (tmp_path / f"{module}.py").write_text(textwrap.dedent(re.search(r"   ```python\n(.*?)   ```", page, re.DOTALL)[1]))
    monkeypatch.syspath_prepend(tmp_path)
    assert "http://127.0.0.1:7" == settings_of(importlib.import_module(module).Example, 7).server
    sys.modules.pop(module)


def test_a_package_takes_no_name_of_ours(package):
    (package / "newsroom_doorbell-1.0.dist-info" / "entry_points.txt").write_text(
        f"[{connectors.ENTRY_POINTS}]\nemail = newsroom_doorbell:Bell\n")
    kinds, broken = connectors.installed()
    assert "connectors.email" == kinds["email"].__module__ and OURS == sorted(kinds)
    assert ["another package" in one.why for one in broken] == [True]


async def test_a_channel_whose_package_broke_is_shown_and_can_go(package, db, database, tmp_path):
    keys = secret.load(Settings(database_url=database.url, data=tmp_path))
    kind = connectors.connectors()["doorbell"]
    async with db.transaction() as connection:
        row = await channel.add(connection, keys, kind, VOORDEUR, {"key": "tring"}, BY)
    break_it(package, "raise RuntimeError('stuk')")
    async with whole(database.url, tmp_path) as client:
        admin = await enter(client, db, await add_person(db, "Baas", "admin", "supervisor"))
        await admin.get("/beheer/kanalen")
        assert "doorbell (pakket newsroom-doorbell) doet het niet" in admin.words
        assert "RuntimeError: stuk" in admin.words
        await admin.get(f"/beheer/kanalen/{row.id}")
        assert "Het onderdeel voor dit soort kanaal (doorbell) ontbreekt" in admin.words
        assert 200 == (await admin.get("/kanalen")).status and "Voordeur" in admin.words
        answer = await client.post(f"/ontvangst/{row.id}", data=RING, headers={"X-Bell-Key": "tring", "X-Bell-Id": "1"})
        assert (503, "300") == (answer.status, answer.headers["Retry-After"])
        found = {one.key: one async for one in checkup.run(Settings(database_url=database.url, data=tmp_path), False)}
        assert "newsroom-doorbell" in checkup.sentence(found["connectors"], "nl")
        assert "ontbreekt" in checkup.sentence(found["channel"], "nl")
        assert 422 == (await admin.post(f"/beheer/kanalen/{row.id}/archief", {})).status
        assert 303 == (await admin.post(f"/beheer/kanalen/{row.id}/archief", {"sure": "1"})).status


async def test_what_waited_for_its_package_is_read_when_that_is_back(package, db, database, tmp_path, capsys):
    kind = connectors.connectors()["doorbell"]
    settings = Settings(database_url=database.url, owner_database_url=database.owner_url, data=tmp_path)
    async with db.transaction() as connection:
        row = await channel.add(connection, secret.load(settings), kind, VOORDEUR, {"key": "tring"}, BY)
        await delivery.store(connection, [(row.id, Delivery(DeliveryKey("1"), RING, AT))])
    live = channel.Live(db, {}, secret.load(settings))
    await Intake(db, live.kinds, Parsers(1), SECRET, lambda: None).drain()
    async with once(collect.Collector(db, live, lambda: None)):
        await until(lambda: _is(db, "select health = 'down' from channel"))
    live.kinds = {"doorbell": kind}
    async with once(collect.Collector(db, live, lambda: None)):  # nobody listens to it, and it does not lie
        await until(lambda: _is(db, "select health = 'new' and health_cause = '' from channel"))
    assert await _is(db, "select body = '' and problems = '{unreadable,no_connector}' from message")
    await command.reread_channel(settings, Namespace(name="Voordeur"))
    assert "1 messages" in capsys.readouterr().out
    await Intake(db, live.kinds, Parsers(1), SECRET, lambda: None).drain()
    assert await _is(db, "select body = 'Er is iemand.' and problems = '{}' from message")
    await command.reread_channel(settings, Namespace(name="Voordeur"))
    assert "0 messages" in capsys.readouterr().out


def test_the_contract_suite_runs_over_it(package, tmp_path):
    payloads = tmp_path / "payloads"
    payloads.mkdir()
    (payloads / "ring.json").write_text(json.dumps({"key": "1", "received_at": "2026-11-23T10:42:00+00:00",
                                                    "source": "", "raw": RING.decode()}))
    assert "passed" in _suite(package, "doorbell", payloads, 0)
    careless = MODULE.replace("(ValueError, KeyError, TypeError, RecursionError)", "KeyError")
    (package / "newsroom_doorbell.py").write_text(careless)
    assert "failed" in _suite(package, "doorbell", payloads, 1)
    assert "NAME" in _suite(package, "nobody", payloads, 2)


def break_it(package: Path, module: str) -> None:
    """Somebody's next version: nothing, or another module."""
    path = package / "newsroom_doorbell.py"
    path.write_text(module) if module else path.unlink()
    sys.modules.pop("newsroom_doorbell", None)
    importlib.invalidate_caches()


@asynccontextmanager
async def once(collector: collect.Collector) -> AsyncIterator[None]:
    task = asyncio.create_task(collector.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is(db, question: str) -> bool:
    async with db.connection() as connection:
        return await connection.fetchval(question)


def _suite(package: Path, name: str, payloads: Path, code: int) -> str:
    done = subprocess.run([sys.executable, "-m", "connectors.contract", name, str(payloads)], capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": str(package)}, timeout=120)
    assert code == done.returncode, done.stdout + done.stderr
    return done.stdout + done.stderr
