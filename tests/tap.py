"""A channel for tests that gives what the test pours into it, with every kind of setting an administrator can meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors import Batch, Capabilities, Delivery, DeliveryKey, Incoming, Outgoing, Secret, Sent, Step, option

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
PASSWORD = "correct-horse-battery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """As of a mailbox, with one of each kind."""

    address: str = option("Het adres van de kraan.", label="Adres", group="Algemeen", required=True, leads=True)
    port: int = option("Meestal 993.", label="Poort", group="Ontvangen", default=993)
    security: str = option("Kies TLS.", label="Beveiliging", group="Ontvangen", default="tls", choices=("tls", "none"))
    password: Secret = option("Van de kraan.", label="Wachtwoord", group="Ontvangen", required=True)
    spare: Secret = option("Mag leeg.", label="Reserve", group="Ontvangen", default=Secret(""))
    verbose: bool = option("Alles opschrijven.", label="Uitgebreid", group="Meer", default=False)
    origins: tuple[str, ...] = option("Een per regel.", label="Websites", group="Meer", default=())


class Well:
    """The source behind all taps of one address. `pour` adds a batch; `error` is raised instead of giving one."""

    def __init__(self) -> None:
        self.batches: list[tuple[Delivery, ...]] = []
        self.error: Exception | None = None
        self.asked: list[dict[str, Any]] = []  # the cursors that listeners began with
        self.readers = self.most_readers = self.closed = 0
        self.passwords: list[str] = []
        self.changed = asyncio.Event()
        self.gone: set[str] = set()  # keys that were deleted at the source
        self.skipped: set[str] = set()  # keys that `listen` leaves out, as no connector should
        self.ends: datetime | None = None
        self.steps = [Step("Verbonden", True, "kraan.voorbeeldstad.example"), Step("Ingelogd", True)]

    def pour(self, *keys: str, **meta: str) -> None:
        self.batches.append(tuple(Delivery(DeliveryKey(key), key.encode("utf-8", "replace"), NOON, "text/plain", meta)
                                  for key in keys))
        self.stir()

    def stir(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


WELLS: dict[str, Well] = {}


class Tap:
    """Listens to the well of its address. The cursor counts the batches that were taken."""

    name: ClassVar[str] = "tap"
    title: ClassVar[str] = "Kraan"
    Settings: ClassVar[type] = Settings
    capabilities: ClassVar[Capabilities] = Capabilities()
    hostile_input: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.well = WELLS.setdefault(settings.address, Well())

    @staticmethod
    def parse(delivery: Delivery) -> list[Incoming]:
        return []

    async def check(self) -> list[Step]:
        self.well.passwords.append(self.settings.password.reveal())
        return self.well.steps

    async def send(self, outgoing: Outgoing) -> Sent:
        raise NotImplementedError

    async def close(self) -> None:
        self.well.closed += 1

    async def listen(self, cursor: Mapping[str, Any]) -> AsyncIterator[Batch]:
        well = self.well
        well.asked.append(dict(cursor))
        well.passwords.append(self.settings.password.reveal())
        well.readers += 1
        well.most_readers = max(well.readers, well.most_readers)
        try:
            taken = cursor.get("taken", 0)
            while True:
                changed = well.changed
                if well.error is not None:
                    raise well.error
                if taken < len(well.batches):
                    taken += 1
                    batch = tuple(one for one in well.batches[taken - 1] if one.key not in well.skipped)
                    yield Batch(batch, {"taken": taken})
                else:
                    await changed.wait()
        finally:
            well.readers -= 1


    async def keys(self, cursor: Mapping[str, Any], since: datetime | None = None) -> AsyncIterator[DeliveryKey]:
        if self.well.error is not None:
            raise self.well.error
        for one in self._held():
            if since is None or one.received_at >= since:
                yield one.key

    async def fetch(self, cursor: Mapping[str, Any], keys: Sequence[DeliveryKey]) -> AsyncIterator[Delivery]:
        for one in self._held():
            if one.key in keys:
                yield one

    async def expires(self) -> datetime | None:
        return self.well.ends

    def _held(self) -> list[Delivery]:
        return [one for batch in self.well.batches for one in batch if one.key not in self.well.gone]


class Box:
    """A channel that is pushed to: it has nothing to listen to."""

    name: ClassVar[str] = "box"
    title: ClassVar[str] = "Bus"
    Settings: ClassVar[type] = Settings
    capabilities: ClassVar[Capabilities] = Capabilities()
    hostile_input: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    parse, check, send, close = Tap.parse, Tap.check, Tap.send, Tap.close


KINDS: dict[str, Any] = {"tap": Tap, "box": Box}
