"""The channels of the demo: each reads and can do what the real one does, and sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from connectors import Capabilities, Connector, Delivery, ExternalId, Outgoing, Sent, Step, Verifier, connectors
from newsroom.demo.source import new_post_id

AT_HOME = ("web_form", "desk", "chat")  # these reach nobody outside the house, and stay as they are
FACTS = ("name", "title", "Settings", "capabilities", "hostile_input")


class StandIn:
    """In the place of a connector. It asks no server for messages: the demo brings its own."""

    name: ClassVar[str]
    title: ClassVar[str]
    Settings: ClassVar[type]
    capabilities: ClassVar[Capabilities]
    hostile_input: ClassVar[bool]
    real: ClassVar[type[Connector]]

    def __init__(self, settings: Any):
        self.settings = settings

    async def check(self) -> list[Step]:
        return [Step("Demo", True, "Dit kanaal bestaat niet echt. Er wordt niets opgehaald of verstuurd.")]

    async def send(self, outgoing: Outgoing) -> Sent:
        id = ExternalId(new_post_id()) if self.name == "mastodon" else outgoing.external_id
        return Sent(id, datetime.now(UTC))

    async def close(self) -> None:
        pass


class PushedTo(StandIn):
    """One that other systems post to: its entrance is the real one."""

    def verify(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Delivery:
        return self.real(self.settings).verify(headers, body, received_at)  # type: ignore[attr-defined]


def stand_in(kind: type[Connector]) -> type[Connector]:
    """What takes the place of a connector in the demo."""
    base = PushedTo if issubclass(kind, Verifier) else StandIn
    facts = {name: getattr(kind, name) for name in FACTS}
    return type(f"Demo{kind.__name__}", (base,), {**facts, "parse": staticmethod(kind.parse), "real": kind})


def demo_kinds() -> dict[str, type[Connector]]:
    """The connectors of the demo by name, in the place of the installed ones."""
    return {name: kind if name in AT_HOME else stand_in(kind) for name, kind in connectors().items()}
