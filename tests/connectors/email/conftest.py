"""Real servers for a mailbox: Dovecot, a token server, mail servers and a proxy that breaks connections."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from connectors import Author, Delivery, ExternalId, Outgoing, Secret
from connectors.email import Email, Settings
from tests.connectors.email.certificate import Certificate
from tests.connectors.email.dovecot import PASSWORD, Dovecot
from tests.connectors.email.proxy import Proxy
from tests.connectors.email.smtp_servers import MailServer
from tests.connectors.email.token_server import TokenServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
async def token_server() -> AsyncIterator[TokenServer]:
    server = TokenServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def dovecot(certificate: Certificate, token_server: TokenServer) -> Iterator[Dovecot]:
    server = Dovecot(certificate, token_server.introspection)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def mail_server(token_server: TokenServer, certificate: Certificate) -> AsyncIterator[MailServer]:
    """With STARTTLS and sign-in."""
    server = MailServer(token_server)
    await server.start(certificate.server_context())
    yield server
    await server.stop()


@pytest.fixture
def forwarding(mail_server: MailServer, dovecot: Dovecot) -> MailServer:
    """A mail server that brings what it takes to Dovecot."""
    async def forward(recipient: str, content: bytes) -> None:
        await asyncio.to_thread(dovecot.deliver, recipient, content)

    mail_server.forward = forward
    return mail_server


@pytest.fixture
async def proxy(dovecot: Dovecot) -> AsyncIterator[Proxy]:
    """In front of Dovecot's port without TLS."""
    made = Proxy(dovecot.imap)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def address() -> str:
    """A mailbox that no other test uses."""
    return f"post{next(_numbers)}-{os.getpid()}@voorbeeldstad.example"


@pytest.fixture
def settings(address: str, certificate: Certificate, dovecot: Dovecot) -> Callable[..., Settings]:
    """Settings of that mailbox over TLS, with what a test wants otherwise."""
    def make(**other: Any) -> Settings:
        return Settings(**({
            "address": address, "display_name": "Gemeente Voorbeeldstad", "imap_host": "127.0.0.1",
            "imap_port": dovecot.imaps, "imap_password": Secret(PASSWORD), "smtp_host": "127.0.0.1",
            "ca_file": str(certificate.authority)} | other))
    return make


class Reader:
    """Reads a mailbox as the house does: the cursor is kept with what came, and given back after a break."""

    def __init__(self, email: Email, cursor: Mapping[str, Any] | None = None):
        self.email, self.cursor = email, dict(cursor or {})
        self.deliveries: list[Delivery] = []

    async def read(self, until: Callable[[list[Delivery]], bool], seconds: float = 20.0) -> list[Delivery]:
        """Listen until enough came. Gives what came now."""
        before = len(self.deliveries)
        async with asyncio.timeout(seconds), aclosing(self.email.listen(self.cursor)) as batches:
            async for batch in batches:
                self.deliveries += batch.deliveries
                self.cursor = dict(batch.cursor)
                if until(self.deliveries[before:]):
                    break
        return self.deliveries[before:]

    async def begin(self) -> None:
        """Until the starting points are known."""
        await self.read(lambda found: "inbox" in self.cursor and "sent" in self.cursor)

    async def count(self, number: int, seconds: float = 20.0) -> list[Delivery]:
        return await self.read(lambda found: len(found) >= number, seconds)


def mail(number: int | str, body: str = "Wanneer is de weg weer open?", **headers: str) -> bytes:
    """A small mail from a resident, with CRLF line ends."""
    lines = {"From": "Inwoner <inwoner@thuis.example>", "To": "post@voorbeeldstad.example",
             "Subject": f"Vraag {number}", "Message-ID": f"<vraag.{number}@thuis.example>",
             "Date": "Mon, 2 Nov 2026 10:00:00 +0100"}
    lines |= {name.replace("_", "-"): text for name, text in headers.items()}
    return ("".join(f"{name}: {text}\r\n" for name, text in lines.items()) + f"\r\n{body}\r\n").encode()


def reply(*to: str, **other: Any) -> Outgoing:
    """An answer to the first of those mails."""
    people = tuple(Author("email", one) for one in to or ("inwoner@thuis.example",))
    return Outgoing(**({"idempotency_key": "a", "external_id": ExternalId("nr.7@voorbeeldstad.example"),
                        "subject": "Re: Vraag 1", "text": "De weg gaat vrijdag open.\n", "to": people,
                        "answers_to": ExternalId("vraag.1@thuis.example")} | other))
