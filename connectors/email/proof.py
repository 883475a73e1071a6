"""Whether mail to `info+nr.TOKEN@...` arrives in our mailbox: proved by a mail to ourselves, never assumed."""

from __future__ import annotations

import secrets
from time import monotonic

from connectors import Author, ExternalId, Outgoing, Step, TryLater
from connectors.email.compose import tagged
from connectors.email.headers import ORIGINAL_ID
from connectors.email.imap import Declined, Line
from connectors.email.settings import Settings
from connectors.email.thread import once

ARRIVAL_SECONDS = 45.0  # a mail to oneself mostly takes seconds, and a proxy before our pages waits a minute
_TEXT = ("Dit is een testbericht van Newsroom aan uw eigen postvak.\n\nHet laat zien dat antwoorden van inwoners bij "
         "het juiste gesprek kunnen komen. U hoeft niets te doen en kunt dit bericht weggooien.\n")


def probe(settings: Settings, token: str) -> Outgoing:
    """The mail to ourselves. It is addressed to the tagged address only, and its id begins with the token too: so it
    is known wherever it turns up, also in the folder with sent mail."""
    nonce = secrets.token_hex(8)
    return Outgoing(idempotency_key=f"proof-{nonce}", external_id=ExternalId(f"{token}.{nonce}@{settings.domain}"),
                    subject="Test van het antwoordadres", text=_TEXT,
                    to=(Author("email", tagged(settings.address, token)),))


async def arrives(settings: Settings, line: Line, probe: Outgoing) -> bool:
    """Wait until the probe is in the inbox. Raises what a mailbox that cannot be read raises."""
    return await once(lambda: _wait(settings, line, probe.external_id), line.stop, f"proof {settings.imap_name}")


def told(address: str, works: bool) -> Step:
    """The outcome. A mailbox without plus-addresses is well too."""
    if works:
        return Step("Antwoordadres werkt", True, address)
    return Step("Antwoordadres wordt niet gebruikt", True,
                f"Een testbericht aan {address} kwam niet in het postvak. Wij herkennen een antwoord aan zijn "
                "Message-ID. Nog zekerder is het als ICT plus-adressen aanzet.")


def _wait(settings: Settings, line: Line, message_id: ExternalId) -> bool:
    until = monotonic() + ARRIVAL_SECONDS
    try:
        line.connect()
        line.examine(settings.inbox)
        while not line.search(f'OR HEADER Message-ID "{message_id}" HEADER {ORIGINAL_ID} "{message_id}"'):
            left = until - monotonic()
            if left <= 0:
                return False
            line.wait(left, min(left, 5.0))
        return True
    except Declined as problem:
        raise TryLater(f"De mailserver weigert: {problem}") from problem
    finally:
        line.close()
