"""The mailbox of the demo: reads mail as the real one does, and sends nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connectors import Capabilities, Connector, Outgoing, Sent, Step
from connectors.desk import Desk
from connectors.email.parse import parse
from connectors.email.settings import Settings
from connectors.web_form import WebForm

NOT_SENT = "Demo: dit bericht is niet echt verstuurd."


class DemoEmail:
    """Stands in for the e-mail connector. It asks no server for mail: the demo brings its own."""

    name = "email"
    title = "E-mail"
    Settings = Settings
    capabilities = Capabilities(longest_subject=255, attachment_bytes=20_000_000, threads=True, sent_items=True,
                                copies=True)
    hostile_input = True
    parse = staticmethod(parse)

    def __init__(self, settings: Any):
        self._settings = settings

    async def check(self) -> list[Step]:
        return [Step("Demo", True, "Deze mailbox bestaat niet echt. Er wordt niets opgehaald of verstuurd.")]

    async def send(self, outgoing: Outgoing) -> Sent:
        return Sent(outgoing.external_id, datetime.now(UTC), (NOT_SENT,))

    async def close(self) -> None:
        pass


def demo_kinds() -> dict[str, type[Connector]]:
    """The connectors of the demo by name, in the place of the installed ones."""
    return {"email": DemoEmail, "web_form": WebForm, "desk": Desk}
