"""What every connector promises, as tests. `python -m connectors.contract NAME FOLDER` tries them on an installed
connector; ours are found by their entry points in the test suite.

FOLDER holds its captured payloads: raw files as the source gives them, or .json with `body` (or `raw`), `key`,
`received_at` and `source` (a `meta`).
"""

from __future__ import annotations

import ast
import asyncio
import copy
import inspect
import io
import json
import logging
import pickle
import socket
import sys
import typing
from collections.abc import Coroutine
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

import connectors
from connectors import (
    Capabilities,
    ChannelError,
    Connector,
    Delivery,
    DeliveryKey,
    ExternalId,
    Kind,
    Listener,
    NotVerified,
    Outgoing,
    Refused,
    Secret,
    Sent,
    SignInNeeded,
    TryLater,
    Unknown,
    Verifier,
    secret_fields,
)

AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
MOST_PAYLOADS = 60  # of each connector, spread over all it has: its own tests read every one
FIELD_TYPES = {str, int, bool, Secret, tuple[str, ...]}  # that the form in Beheer can show
STRANGE = [b"", b"\0" * 50, b"\xff\xfe\xfd", b"{}", b"[]", b"null", b'{"a":' * 3000, b"<a><b>", b"hello\r\n\r\n" * 9,
           "Ünïcode".encode("utf-16"), b"--\r\n" * 100, b'{"kind":"from the future","values":7}']
SECRET = "geheim-wachtwoord-0123456789"
SOURCES = ("", "form", "left", "open_forms", "from the future")


class Suite:
    """A pytest plugin: the connector that the promises are tried on, and where its payloads are."""

    def __init__(self, kind: type[Connector], folder: Path):
        self._kind, self._folder = kind, folder

    @pytest.fixture
    def kind(self) -> type[Connector]:
        return self._kind

    @pytest.fixture
    def folder(self) -> Path:
        """Where the captured payloads of the connector are."""
        return self._folder


def main(arguments: list[str]) -> int:
    """Try every promise on one installed connector; returns pytest's exit code."""
    installed = connectors.connectors()
    if len(arguments) != 2 or arguments[0] not in installed or not Path(arguments[1]).is_dir():
        print(f"python -m connectors.contract NAME FOLDER\n  NAME: {', '.join(sorted(installed))}\n"
              "  FOLDER: its captured payloads", file=sys.stderr)
        return 2
    suite = Suite(installed[arguments[0]], Path(arguments[1]))
    return pytest.main([__file__, "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", arguments[1]],
                       plugins=[suite])


def payloads(folder: Path) -> list[Delivery]:
    """Captured deliveries, evenly spread over the folder."""
    found = [delivery for path in sorted(folder.rglob("*"))
             if path.is_file() and path.suffix not in (".py", ".pyc") for delivery in [_delivery(path)] if delivery]
    return found[::max(1, len(found) // MOST_PAYLOADS)]


def _delivery(path: Path) -> Delivery | None:
    if path.suffix != ".json":
        return Delivery(DeliveryKey(path.stem), path.read_bytes(), AT)
    case = json.loads(path.read_text(encoding="utf-8"))
    if "received_at" not in case:
        return None  # what is expected of another file
    raw = case["raw"] if "raw" in case else json.dumps(case["body"])
    return Delivery(DeliveryKey(case["key"]), raw.encode(), datetime.fromisoformat(case["received_at"]),
                    meta=({"source": case["source"]} if case["source"] else {}) | case.get("meta", {}))


def settings_of(kind: type[Connector], port: int = 1):
    """Settings with every field filled in: servers on this machine where nobody listens, one secret everywhere."""
    hints = typing.get_type_hints(kind.Settings)
    values = {}
    for field in fields(kind.Settings):
        if field.metadata["choices"]:
            continue
        if hints[field.name] is Secret:
            values[field.name] = Secret(SECRET)
        elif field.name.endswith("host"):
            values[field.name] = "127.0.0.1"
        elif field.name.endswith("port"):
            values[field.name] = port
        elif field.name.endswith("url"):
            values[field.name] = f"http://127.0.0.1:{port}"
        elif field.metadata["required"]:
            values[field.name] = "info@voorbeeldstad.example"
    return kind.Settings(**values)


def test_it_is_what_the_contract_asks(kind):
    assert isinstance(kind(settings_of(kind)), Connector)
    assert kind.name and kind.title
    assert isinstance(inspect.getattr_static(kind, "parse"), staticmethod)
    assert isinstance(kind.hostile_input, bool) and isinstance(kind.capabilities, Capabilities)
    assert issubclass(kind, Listener) or issubclass(kind, Verifier) or not kind.hostile_input


def test_its_settings_make_a_form(kind):
    assert is_dataclass(kind.Settings)
    hints = typing.get_type_hints(kind.Settings)
    for field in fields(kind.Settings):
        about = field.metadata
        assert hints[field.name] in FIELD_TYPES, field.name
        assert about["label"].strip() and about["description"].strip().endswith("."), field.name
        assert about["required"] or isinstance(field.default, hints[field.name] if isinstance(hints[field.name], type)
                                               else tuple), field.name
        assert not about["choices"] or field.default in about["choices"], field.name
    with pytest.raises(FrozenInstanceError):
        setattr(settings_of(kind), fields(kind.Settings)[0].name, "x")


def test_its_secrets_never_show(kind):
    settings = settings_of(kind)
    hidden = secret_fields(kind.Settings)
    assert hidden == {name for name, hint in typing.get_type_hints(kind.Settings).items() if hint is Secret}
    log, shown = io.StringIO(), [repr(settings), str(settings), f"{settings}", f"{settings!r:>5}",
                                 str(asdict(settings)), repr(kind(settings))]
    handler = logging.StreamHandler(log)
    logging.getLogger("contract").addHandler(handler)
    logging.getLogger("contract").warning("%s %r", settings, settings)
    structlog.wrap_logger(structlog.PrintLogger(log)).warning("settings", settings=settings)
    for name in hidden:
        value = getattr(settings, name)
        shown += [repr(value), str(value), f"{value}", f"{value:>40}", f"{value!s}"]
        logging.getLogger("contract").warning("%s %r", value, value)
        structlog.wrap_logger(structlog.PrintLogger(log)).warning("settings", secret=value)
        structlog.wrap_logger(structlog.PrintLogger(log), [structlog.processors.JSONRenderer()]).warning("x", y=value)
        assert copy.deepcopy(value) == value == pickle.loads(pickle.dumps(value)) and value != Secret(SECRET + "x")
        assert SECRET == value.reveal() and type(value.reveal()) is str
    logging.getLogger("contract").removeHandler(handler)
    assert [] == [text for text in [*shown, log.getvalue()] if SECRET in text]
    assert log.getvalue()


def test_reading_twice_gives_the_same_and_touches_no_network(kind, folder, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(socket, "getaddrinfo", None)
    found = payloads(folder)
    assert found, f"no captured payloads in {folder}"
    for delivery in found:
        first, second = kind.parse(delivery), kind.parse(delivery)
        assert first == second, delivery.key
        check_items(first, delivery)


@pytest.mark.parametrize("body", STRANGE, ids=range(len(STRANGE)))
def test_what_is_not_understood_is_visible(kind, body):
    for source in SOURCES:
        delivery = Delivery(DeliveryKey("strange"), body, AT, meta={"source": source} if source else {})
        check_items(kind.parse(delivery), delivery)


def check_items(items: list, delivery: Delivery) -> None:
    """At least one item, each with a moment that is not in the future, text that can be stored, files with bytes."""
    assert items, "nothing to show"
    for item in items:
        assert item.at.tzinfo is not None and item.at <= delivery.received_at
        assert item.author.kind and isinstance(item.author.address, str)
        assert item.external_id and item.kind in Kind
        assert item.kind != Kind.NOT_UNDERSTOOD or "unreadable" in item.problems
        assert all(isinstance(label, str) and isinstance(value, str) for label, value in item.details)
        assert all(isinstance(file.content, bytes) and file.type.count("/") == 1 for file in item.attachments)
        "".join((item.subject, item.text, item.quoted, item.html, item.author.name)).encode("utf-8")


def test_the_same_settings_are_not_needed_to_read(kind):
    """A parser process has no credentials: `parse` names neither `self` nor a class's state."""
    assert ["delivery"] == list(inspect.signature(kind.parse).parameters)


def test_check_says_what_is_wrong_and_never_raises(kind, free_port):
    async def check() -> list:
        connector = kind(settings_of(kind, free_port))
        try:
            return await connector.check()
        finally:
            await connector.close()

    steps = run(check())
    assert steps
    for step in steps:
        assert step.name and step.ok == (not step.problem)
        assert SECRET not in f"{step}"
    if issubclass(kind, Listener):
        assert not steps[-1].ok, "nobody listens there"


def test_sending_ends_in_one_of_the_outcomes(kind, folder, free_port):
    """An answer to a captured message, and nobody listens there: certainly not sent. A channel that cannot send
    refuses; one that needs no server, as our own chat, has sent it."""
    asked = next(item for delivery in payloads(folder) for item in kind.parse(delivery)
                 if item.direction == "in" and item.author.address and item.kind == Kind.MESSAGE)
    message = Outgoing("key", ExternalId("<1@voorbeeldstad.example>"), "Onderwerp", "Tekst", public=asked.public,
                       to=(asked.author,), answers_to=asked.external_id, references=(asked.external_id,))

    async def send() -> Sent:
        connector = kind(settings_of(kind, free_port))
        try:
            return await connector.send(message)
        finally:
            await connector.close()

    if kind.capabilities.live:
        assert run(send()).external_id
        return
    with pytest.raises(ChannelError) as raised:
        run(send())
    assert not isinstance(raised.value, Unknown)
    assert isinstance(raised.value, Refused) == (not kind.capabilities.sends or kind.capabilities.live)
    assert SECRET not in str(raised.value)


def test_errors_are_told_apart():
    kinds = {Refused, TryLater, SignInNeeded, Unknown}
    assert kinds == set(ChannelError.__subclasses__())
    assert not issubclass(NotVerified, ChannelError)
    assert 0 < TryLater("busy").after and 7 == TryLater("busy", 7).after


def test_capabilities_are_possible(kind):
    can = kind.capabilities
    assert can.public or can.private
    assert can.longest_text > 0 and can.longest_subject >= 0 and can.attachment_bytes >= 0
    assert (can.attachment_types == ()) <= (can.attachment_bytes == 0)
    assert can.reply_window_seconds is None or can.reply_window_seconds > 0


def test_a_push_needs_the_configured_secret(kind):
    if not issubclass(kind, Verifier):
        return
    full = settings_of(kind)
    empty = replace(full, **dict.fromkeys(secret_fields(kind.Settings), Secret("")))
    for settings in (full, empty):
        for headers in ({}, {"Authorization": "Bearer x"}, {"authorization": ""}, {"Authorization": "\udcff"}):
            with pytest.raises(NotVerified):
                kind(settings).verify(headers, b"{}", AT)


def test_it_stands_on_its_own(kind):
    """Somebody else's package could hold it: nothing of the product is imported."""
    path = Path(inspect.getfile(kind))
    files = path.parent.rglob("*.py") if path.name == "__init__.py" else [path]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else \
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] == "newsroom" for name in names), file


def run(work: Coroutine) -> typing.Any:
    """Await `work` on a loop of its own: another one of the tests stays as it is."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
