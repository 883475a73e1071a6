"""A channel from a package of somebody else: found by its entry point, set up in Beheer, pushed to and read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import connectors
from newsroom.intake import Intake
from newsroom.parser import Parsers
from tests.house import SECRET
from tests.web.staff import add_person, enter, whole

MODULE = '''
import hmac, json
from dataclasses import dataclass
from datetime import UTC, datetime
from connectors import (Author, Capabilities, Delivery, DeliveryKey, ExternalId, Incoming, Kind, NotVerified, Secret,
                        Step, TryLater, option)

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
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author("doorbell", said["who"]),
                             text=str(said["text"]))]
        except (ValueError, KeyError, TypeError, RecursionError):
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author("doorbell", ""),
                             kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", "form-unknown"))]
    async def check(self): return [Step("Bel", True)]
    async def send(self, outgoing): raise TryLater("Niemand thuis.")
    async def close(self): pass
'''
RING = b'{"who": "voordeur", "text": "Er is iemand."}'


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


def _suite(package: Path, name: str, payloads: Path, code: int) -> str:
    done = subprocess.run([sys.executable, "-m", "connectors.contract", name, str(payloads)], capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": str(package)}, timeout=120)
    assert code == done.returncode, done.stdout + done.stderr
    return done.stdout + done.stderr
