"""What every connector promises, as tests. `python -m connectors.contract NAME FOLDER` tries them on an installed
connector; ours are found by their entry points in the test suite.

FOLDER holds its captured payloads; `captured.py` says what they look like.
"""

from __future__ import annotations

import ast
import asyncio
import copy
import inspect
import io
import logging
import pickle
import socket
import sys
import traceback
import typing
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass, replace
from pathlib import Path

import pytest
import structlog

import connectors
from connectors import (
    FIELD_TYPES,
    Capabilities,
    ChannelError,
    Connector,
    Delivery,
    DeliveryKey,
    ExternalId,
    Incoming,
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
    captured,
    secret_fields,
)
from connectors.away import SECRET, in_its_place, settings_of  # noqa: F401 - a fixture
from connectors.captured import AT

MOST_PAYLOADS = 60  # of each connector, spread over all it has: its own tests read every one
MOST_HOSTILE = 20  # of those, of which hostile ones are made
AWAY_SECONDS = 60.0  # in which a connector notices it
STRANGE = [b"", b"\0" * 50, b"\xff\xfe\xfd", b"{}", b"[]", b"null", b'{"a":' * 3000, b"<a><b>", b"hello\r\n\r\n" * 9,
           "Ünïcode".encode("utf-16"), b"--\r\n" * 100, b'{"kind":"from the future","values":7}']
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
    kinds, left_out = connectors.installed()
    broken = {one.name: one for one in left_out}
    if arguments and arguments[0] in broken:
        one = broken[arguments[0]]
        print(f"{one.name} of {one.package} cannot be used. {one.why}", file=sys.stderr)
        return 2
    if len(arguments) != 2 or arguments[0] not in kinds or not Path(arguments[1]).is_dir():
        print(f"python -m connectors.contract NAME FOLDER\n  NAME: {', '.join(sorted(kinds))}\n"
              "  FOLDER: its captured payloads", file=sys.stderr)
        return 2
    suite = Suite(kinds[arguments[0]], Path(arguments[1]))
    return pytest.main([__file__, "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-c", "/dev/null", "--rootdir",
                        arguments[1]], plugins=[suite])


def payloads(folder: Path, most: int = MOST_PAYLOADS) -> list[Delivery]:
    """Captured deliveries, evenly spread over the folder."""
    try:
        found = captured.read(folder)
    except captured.NoPayload as problem:
        pytest.fail(str(problem), pytrace=False)
    return found[::max(1, len(found) // most)]


def test_it_is_what_the_contract_asks(kind):
    assert isinstance(kind(settings_of(kind)), Connector)
    assert kind.name and kind.title
    assert isinstance(inspect.getattr_static(kind, "parse"), staticmethod)
    assert isinstance(kind.hostile_input, bool) and isinstance(kind.capabilities, Capabilities)
    fed_by_us = kind.__module__.startswith("connectors.")  # by our own pages
    assert issubclass(kind, Listener) or issubclass(kind, Verifier) or fed_by_us, "it has no `listen` and no `verify`"


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
    for delivery in payloads(folder):
        first, second = kind.parse(delivery), kind.parse(delivery)
        assert first == second, delivery.key
        check_items(first, delivery)


@pytest.mark.parametrize("body", STRANGE, ids=range(len(STRANGE)))
def test_what_is_not_understood_is_visible(kind, body):
    for source in SOURCES:
        delivery = Delivery(DeliveryKey("strange"), body, AT, meta={"source": source} if source else {})
        check_items(kind.parse(delivery), delivery)


def test_hostile_values_are_read_and_visible(kind, folder):
    """Each value of a captured payload in turn is of another kind, or text that cannot be stored."""
    for delivery in payloads(folder, MOST_HOSTILE):
        for one in captured.hostile(delivery):
            if why := _wrong(kind, one):
                pytest.fail(f"{why}\n{delivery.key}, changed into {one.body[:2000]!r}", pytrace=False)


def _wrong(kind: type[Connector], delivery: Delivery) -> str:
    try:
        check_items(kind.parse(delivery), delivery)
        return ""
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        said = ascii(str(error).partition("\n")[0][:300])
        return f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}: {said}"


def check_items(items: list[Incoming], delivery: Delivery) -> None:
    """At least one item, each with a moment that is not in the future, text that can be stored, files with bytes."""
    assert items, "nothing to show"
    for item in items:
        assert item.at.tzinfo is not None and item.at <= delivery.received_at, "`at` has an offset, and is not later"
        assert item.external_id and isinstance(item.external_id, str), "`external_id` is text"
        assert item.author.kind and isinstance(item.author.address, str), "`author` has a kind and a text as address"
        assert item.kind in Kind, "`kind` is a Kind"
        assert item.kind != Kind.NOT_UNDERSTOOD or "unreadable" in item.problems, "`problems` says unreadable"
        assert all(isinstance(file.content, bytes) and file.type.count("/") == 1 for file in item.attachments), "files"
        texts = [item.subject, item.text, item.quoted, item.html, item.author.name,
                 *(text for pair in item.details for text in pair),
                 *(text for file in item.attachments for text in (file.name, file.description))]
        for text in texts:
            assert text == connectors.clean(text), f"NUL or half a surrogate in {text[:200]!a}"


@pytest.mark.parametrize("change", [Kind.EDIT, Kind.DELETION])
def test_a_change_is_of_the_message_that_it_changes(kind, folder, change):
    """The same external_id and author, in a delivery of its own. An edit's `at` is the moment of the edit."""
    read = [(delivery.key, item) for delivery in payloads(folder, sys.maxsize) for item in kind.parse(delivery)]
    changes = [(key, item) for key, item in read if item.kind == change]
    can = kind.capabilities.edits if change == Kind.EDIT else kind.capabilities.deletes
    assert changes or not can, f"capabilities tell of each {change}, and no payload is one"
    pairs = [(key, item, *one) for key, item in changes for one in read
             if one[1].kind == Kind.MESSAGE and (one[1].external_id, one[1].author.address)
             == (item.external_id, item.author.address)]
    assert pairs or not changes, f"no payload is the message that the {change} of {changes[0][0]} is about"
    for key, item, key_before, before in pairs:
        assert key != key_before, f"{key}: a change has a key of its own"
        assert change == Kind.DELETION or item.at > before.at, f"{key}: `at` is not after that of its message"


def test_the_same_settings_are_not_needed_to_read(kind):
    """A parser process has no credentials: `parse` takes a delivery and nothing else."""
    inspect.signature(kind.parse).bind(object())


def test_check_says_what_is_wrong_and_never_raises(kind, source):
    async def check() -> list:
        connector = kind(settings_of(kind, source.port))
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
        assert not steps[-1].ok, "its server is away"


def test_sending_ends_in_one_of_the_outcomes(kind, folder, source):
    """An answer to a captured message. Nobody there: certainly not sent, and tried again. Who hangs up may have it. A
    channel that cannot send refuses; one that needs no server, as our own chat, has sent it."""
    message = _answer(kind, folder)

    async def send() -> Sent:
        connector = kind(settings_of(kind, source.port))
        try:
            return await connector.send(message)
        finally:
            await connector.close()

    if kind.capabilities.live:
        assert run(send()).external_id
        return
    raised = raises_channel_error(send())
    if not kind.capabilities.sends:
        assert isinstance(raised, Refused)
        return
    right = (TryLater, Unknown) if source.hangs_up else TryLater
    assert isinstance(raised, right), f"its server is away, which passes: {raised!r}"


def test_listening_tells_that_the_source_is_away(kind, source):
    """What it gives needs a source: that is for its own tests."""
    if not issubclass(kind, Listener):
        return
    assert inspect.isasyncgenfunction(kind.listen), "listen is `async def` with `yield`"

    async def listen() -> typing.Any:
        connector = kind(settings_of(kind, source.port))
        try:
            async with asyncio.timeout(AWAY_SECONDS), aclosing(connector.listen({})) as batches:
                return await anext(batches)
        finally:
            await connector.close()

    raised = raises_channel_error(listen())
    assert isinstance(raised, TryLater), f"its server is away, which passes: {raised!r}"


def raises_channel_error(work: Coroutine) -> ChannelError:
    """What `work` raises. Its text, and what it was raised from, is shown in logs: no secret is in it."""
    with pytest.raises(ChannelError) as raised:
        given = run(work)
        pytest.fail(f"its server is away, and it gave {given!r}")
    assert SECRET not in "".join(traceback.format_exception(raised.value)), "raise ... from None"
    return raised.value


def _answer(kind: type[Connector], folder: Path) -> Outgoing:
    asked = next((item for delivery in payloads(folder, sys.maxsize) for item in kind.parse(delivery)
                  if item.direction == "in" and item.author.address and item.kind == Kind.MESSAGE), None)
    if asked is None:
        pytest.fail(f"{folder}: no payload is a message (Kind.MESSAGE, direction `in`) of somebody who can be "
                    "answered (an author with an address). Add one.", pytrace=False)
    return Outgoing("key", ExternalId("<1@voorbeeldstad.example>"), "Onderwerp", "Tekst", public=asked.public,
                    to=(asked.author,), answers_to=asked.external_id, references=(asked.external_id,))


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
