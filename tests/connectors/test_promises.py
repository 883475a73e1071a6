"""The contract suite itself: a good connector passes, and each mistake that it is for is told in words."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import (
    Author,
    Batch,
    Capabilities,
    Delivery,
    DeliveryKey,
    ExternalId,
    Incoming,
    Kind,
    Refused,
    Secret,
    SignInNeeded,
    Step,
    TryLater,
    Unknown,
    captured,
    clean,
    contract,
    option,
    outbound,
)
from connectors.away import in_its_place  # noqa: F401 - a fixture

SAID = {"id": 1, "who": "bo", "at": 1795168800, "text": "De lantaarn is stuk."}
EDIT = SAID | {"edited": 1795168860, "text": "De lantaarn bij 8 is stuk."}
CASE = {"key": "1", "received_at": "2026-11-20T13:00:00+01:00", "body": SAID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    server: str = option("Het adres.", label="Server", default="https://api.example", leads=True)
    token: Secret = option("Het token.", label="Token", required=True)


class Mute:
    """A small channel, but for `listen`."""

    name, title, Settings = "pager", "Pieper", Settings
    capabilities = Capabilities(edits=True)
    hostile_input = False

    def __init__(self, settings: Settings):
        self._settings = settings

    @staticmethod
    def parse(raw: Delivery) -> list[Incoming]:  # the name of its parameter is its own
        try:
            read = json.loads(raw.body)
            at = datetime.fromtimestamp(read.get("edited", read["at"]), UTC)
            return [Incoming(ExternalId(f"{read['id']}"), min(at, raw.received_at), Author("pager", f"{read['who']}"),
                             Kind.EDIT if "edited" in read else Kind.MESSAGE, text=clean(f"{read['text']}"))]
        except Exception:
            return [Incoming(ExternalId(raw.key), raw.received_at, Author("pager", ""), Kind.NOT_UNDERSTOOD,
                             problems=("unreadable", "unknown"))]

    async def send(self, outgoing):
        await self._ask(Unknown)

    async def check(self):
        try:
            await self._ask(TryLater)
        except (TryLater, SignInNeeded) as error:
            return [Step("Server", False, "", str(error))]
        return [Step("Server", True)]

    async def close(self):
        pass

    async def _ask(self, broken) -> bytes:
        url = f"{self._settings.server}/{self._settings.token.reveal()}"
        try:
            return (await outbound.post(url, b"", {})).body
        except outbound.NotAllowed:
            raise SignInNeeded("Dit adres mag niet.") from None
        except outbound.NOT_SENT:
            raise TryLater("Niet te bereiken.") from None
        except outbound.FAILED:
            raise broken("Geen antwoord.") from None


class Pager(Mute):
    """The channel, which is asked for news."""

    async def listen(self, cursor):
        while True:
            said = await self._ask(TryLater)
            yield Batch((Delivery(DeliveryKey("1"), said, datetime.now(UTC)),), {"last": 1})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A message, its edit in a folder of its own, and a raw one."""
    (tmp_path / "1.json").write_text(json.dumps(CASE))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "2.json").write_text(json.dumps(CASE | {"key": "2", "body": EDIT}))
    (tmp_path / "3.txt").write_text(json.dumps(SAID | {"id": 3}))
    (tmp_path / ".hidden").write_text("x")
    return tmp_path


PROMISES = {name: promise for name, promise in vars(contract).items() if name.startswith("test_")}


@pytest.mark.parametrize("name", PROMISES)
def test_a_good_connector_keeps_every_promise(name, folder, source, monkeypatch):
    keep(PROMISES[name], Pager, folder, source, monkeypatch)


def test_every_file_that_can_be_used_is(folder):
    assert ["1", "3", "2"] == [one.key for one in captured.read(folder)]
    write(folder, CASE | {"meta": {"wijk": "Zuid"}, "source": "form"})
    assert {"wijk": "Zuid", "source": "form"} == captured.read(folder)[0].meta


def altered(base: type = Pager, **changed) -> type[Mute]:
    return type("Pager", (base,), {"__module__": "somebody_elses", **changed})


async def stops(self, cursor):
    raise KeyError("url")
    yield


async def gives_nothing(self, cursor):
    yield Batch((), {"last": 1})


async def chains(self, cursor):
    try:
        raise OSError(f"{self._settings.server}/{self._settings.token.reveal()}")
    except OSError as error:
        raise TryLater("Weg.") from error
    yield


async def waits_for_an_administrator(self, cursor):
    raise SignInNeeded("Dit adres mag niet.")
    yield


def parses(change: Callable[[Incoming], Incoming]) -> staticmethod:
    return staticmethod(lambda delivery: [change(item) for item in Pager.parse(delivery)])


def of_edits(**changed) -> staticmethod:
    return parses(lambda item: replace(item, **changed) if item.kind == Kind.EDIT else item)


async def refuses(self, outgoing):
    raise Refused("Nee.")


async def asks_an_administrator(self, outgoing):
    raise SignInNeeded("Dit adres mag niet.")


LISTEN, SEND, CHANGE = "listening_tells", "sending_ends", "a_change_is"
MISTAKES = {  # what somebody does wrong: where it shows, and a word of what is said
    "no listen": (altered(Mute), "it_is_what", "no `listen`"),
    "listen is no generator": (altered(listen=lambda self, cursor: []), LISTEN, "async def"),
    "listen raises what it may not": (altered(listen=stops), LISTEN, "KeyError"),
    "listen sees nothing wrong": (altered(listen=gives_nothing), LISTEN, "it gave"),
    "listen waits for nothing": (altered(listen=waits_for_an_administrator), LISTEN, "passes"),
    "listen shows a secret": (altered(listen=chains), LISTEN, "from None"),
    "send gives up": (altered(send=refuses), SEND, "passes"),
    "send waits for nothing": (altered(send=asks_an_administrator), SEND, "passes"),
    "an edit under another id": (altered(parse=of_edits(external_id="2")), CHANGE, "no payload is the message"),
    "an edit at the time of its message": (altered(parse=of_edits(at=datetime(2026, 11, 20, 10, tzinfo=UTC))), CHANGE,
                                           "not after"),
    "deletions that never come": (altered(capabilities=Capabilities(deletes=True)), CHANGE, "no payload is one"),
    "text that cannot be stored": (altered(parse=parses(lambda item: replace(item, text=item.text + "\0"))), "hostile",
                                   "NUL"),
    "a value of another kind": (altered(parse=staticmethod(lambda delivery: [
        replace(item, text=json.loads(delivery.body)["text"].strip()) for item in Pager.parse(delivery)])), "hostile",
        "JSONDecodeError"),
    "parse with settings": (altered(parse=staticmethod(lambda delivery, settings: [])), "same_settings", "argument"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(mistake, folder, source, monkeypatch):
    kind, where, words = MISTAKES[mistake]
    promise, = [promise for name, promise in PROMISES.items() if where in name]
    assert words in fault(promise, kind, folder, source, monkeypatch)


@pytest.mark.parametrize(("file", "words"), [
    (SAID, "`key`, `received_at`"), ([SAID], "`key`, `received_at`"), (CASE | {"raw": "x"}, "one of `body` and `raw`"),
    ({**CASE, "raw": SAID} | {"body": None}, "one of"), ({"key": "1", "received_at": CASE["received_at"], "raw": SAID},
                                                         "goes in `body`"),
    (CASE | {"received_at": "gisteren"}, "gisteren"), (CASE | {"received_at": "2026-11-20T13:00:00"}, "no offset"),
    (CASE | {"key": 1}, "`key` and `raw` are text"),
    ({"key": "1", "received_at": CASE["received_at"], "raw": "half \ud83d"}, "surrogates")])
def test_a_payload_that_cannot_be_used_is_named(folder, file, words, source, monkeypatch):
    said = fault(contract.test_reading_twice_gives_the_same_and_touches_no_network, Pager, write(folder, file), source,
                 monkeypatch)
    assert words in said and "0.json" in said and "with any suffix but .json" in said


def test_without_a_message_to_answer_it_says_which_payload_lacks(folder, source, monkeypatch):
    for path in folder.rglob("*.*"):
        path.unlink()
    (folder / "odd.txt").write_text("niets")
    said = fault(contract.test_sending_ends_in_one_of_the_outcomes, Pager, folder, source, monkeypatch)
    assert "Kind.MESSAGE" in said and str(folder) in said
    (folder / "odd.txt").unlink()
    assert "no payloads" in fault(contract.test_sending_ends_in_one_of_the_outcomes, Pager, folder, source, monkeypatch)


@pytest.mark.parametrize("name", ["server", "address", "endpoint", "base"])
def test_whatever_its_name_the_field_that_leads_points_at_this_machine(name):
    made = dataclass(frozen=True)(type("Settings", (), {
        "__annotations__": {name: str, "imap_host": str, "port": int, "days": int},
        name: option("Het adres.", label="Server", default="https://api.example", leads=True),
        "imap_host": option("De server.", label="Server", default="", leads=True),
        "port": option("De poort.", label="Poort", default=993), "days": option("Dagen.", label="Dagen", default=3)}))
    filled = contract.settings_of(altered(Settings=made), 7)
    assert "http://127.0.0.1:7" == getattr(filled, name)
    assert ("127.0.0.1", 7, 3) == (filled.imap_host, filled.port, filled.days)


def write(folder: Path, case: object) -> Path:
    (folder / "0.json").write_text(json.dumps(case))
    return folder


def keep(promise: Callable, kind: type, folder: Path, source: contract.Source, monkeypatch) -> None:
    """Call a promise with what it asks for, for one value of each of its parameters."""
    given = {"kind": kind, "folder": folder, "source": source, "monkeypatch": monkeypatch, "body": b"{}",
             "change": Kind.DELETION if kind.capabilities.deletes else Kind.EDIT}
    names = promise.__code__.co_varnames[:promise.__code__.co_argcount]
    with monkeypatch.context() as patch:
        promise(**{name: patch if name == "monkeypatch" else given[name] for name in names})


def fault(promise: Callable, kind: type, folder: Path, source: contract.Source, monkeypatch) -> str:
    """What is said of a promise that is broken."""
    with pytest.raises((Exception, pytest.fail.Exception)) as raised:
        keep(promise, kind, folder, source, monkeypatch)
    return "".join(traceback.format_exception_only(raised.value))
