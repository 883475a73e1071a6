"""Whether mail to `info+nr.TOKEN@...` arrives in our mailbox: proved by a mail to ourselves, never assumed."""

from __future__ import annotations

import secrets
from time import monotonic

from connectors import Author, ChannelError, ExternalId, Outgoing, Step, TryLater
from connectors.email.compose import tagged
from connectors.email.imap import Declined, Line
from connectors.email.settings import Settings
from connectors.email.thread import once

ARRIVAL_SECONDS = 90.0  # a mail to oneself mostly takes seconds; greylisting is not for own mail
_TEXT = ("Dit is een testbericht van Newsroom aan uw eigen postvak.\n\nHet laat zien dat antwoorden van inwoners bij "
         "het juiste gesprek kunnen komen. U hoeft niets te doen en kunt dit bericht weggooien.\n")


def probe(settings: Settings) -> Outgoing:
    """The mail to ourselves. It is addressed to the tagged address only."""
    nonce = secrets.token_hex(8)
    return Outgoing(idempotency_key=f"proof-{nonce}", external_id=ExternalId(f"proof.{nonce}@{settings.domain}"),
                    subject="Test van het antwoordadres", text=_TEXT,
                    to=(Author("email", tagged(settings.address, f"proof-{nonce}")),))


async def arrived(settings: Settings, line: Line, probe: Outgoing) -> Step:
    """Wait until the probe is in the inbox."""
    address = probe.to[0].address
    try:
        seen = await once(lambda: _wait(settings, line, probe.external_id), line.stop, f"proof {settings.imap_name}")
    except ChannelError as problem:
        return Step("Antwoordadres niet getest", False, address, str(problem))
    if seen:
        return Step("Antwoordadres werkt", True, address)
    return Step("Antwoordadres werkt niet", False, address,
                f"Een testbericht aan {address} kwam niet in het postvak. Vraag ICT om plus-adressen aan te zetten. "
                "Zonder plus-adres werkt alles ook: dan herkennen wij een antwoord aan zijn Message-ID.")


def _wait(settings: Settings, line: Line, message_id: ExternalId) -> bool:
    until = monotonic() + ARRIVAL_SECONDS
    try:
        line.connect()
        line.examine(settings.inbox)
        while not line.search(f'HEADER Message-ID "{message_id}"'):
            left = until - monotonic()
            if left <= 0:
                return False
            line.wait(left, min(left, 5.0))
        return True
    except Declined as problem:
        raise TryLater(f"De mailserver weigert: {problem}") from problem
    finally:
        line.close()
