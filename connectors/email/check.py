"""Whether a mailbox works, step by step, in words for the administrator. Nothing is sent or changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import perf_counter

from aiosmtplib import SMTP, SMTPResponseException

from connectors import ChannelError, Refused, Step
from connectors.email import smtp
from connectors.email.compose import ascii_domain
from connectors.email.imap import Declined, Line
from connectors.email.oauth import Tokens
from connectors.email.settings import Settings
from connectors.email.thread import once

_FIND_SECONDS = 10.0
_MONTHS = ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec")


async def steps(settings: Settings, line: Line, tokens: Tokens | None) -> list[Step]:
    """Receiving until the first step that fails, and sending whatever came of that."""
    found = [await _found(settings)]
    if found[0].ok:
        found += await once(lambda: list(_receiving(settings, line)), line.stop, f"check {settings.imap_name}")
    return [*found, await _sending(settings, tokens)]


async def _found(settings: Settings) -> Step:
    host, begun = settings.imap_host, perf_counter()
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, settings.imap_port), _FIND_SECONDS)
    except (OSError, TimeoutError, UnicodeError):
        return Step("Server niet gevonden", False, f"{host}:{settings.imap_port}",
                    f"Op {host} poort {settings.imap_port} antwoordt niets. Controleer de naam en de poort, en vraag "
                    "ICT of deze computer er verbinding mee mag maken.")
    writer.close()
    return Step("Server gevonden", True, f"{host}, {round((perf_counter() - begun) * 1000)} ms")


def _receiving(settings: Settings, line: Line) -> Iterator[Step]:
    """In the mailbox's thread."""
    def secure() -> str:
        line.open()
        return _security(*line.security())

    def signed_in() -> str:
        line.sign_in()
        return f"als {settings.imap_name}"

    def read() -> str:
        line.examine(settings.inbox)
        folder = line.folder(settings.inbox)
        sent = settings.sent or line.sent_folder()
        if settings.sent:
            line.folder(settings.sent)
        told = f"{folder.name}: {folder.count:,} berichten".replace(",", ".")
        return f"{told}; verstuurd staat in {sent}" if sent else f"{told}; geen map met verstuurde berichten gevonden"

    try:
        for name, failed, act in (("Verbinding is veilig", "Verbinding is niet veilig", secure),
                                  ("Ingelogd", "Niet ingelogd", signed_in),
                                  ("Postvak gelezen", "Postvak niet gelezen", read)):
            step = _step(name, failed, act)
            yield step
            if not step.ok:
                return
    finally:
        line.close()


def _step(name: str, failed: str, act: Callable[[], str]) -> Step:
    try:
        return Step(name, True, act())
    except ChannelError as problem:
        return Step(failed, False, problem=str(problem))
    except Declined as problem:
        return Step(failed, False, problem=f"De mailserver weigert dit. Controleer de mapnaam. Antwoord: {problem}")


async def _sending(settings: Settings, tokens: Tokens | None) -> Step:
    """Signs in, names the sender and itself as recipient, and stops there: many servers judge a sender only when
    they hear for whom it is."""
    try:
        async with smtp.signed_in(settings, tokens) as client:
            await _may_send(client, ascii_domain(settings.address))
            security = client.get_transport_info("ssl_object")
    except ChannelError as problem:
        return Step("Verzenden mag niet", False, settings.smtp_host, str(problem))
    over = security.version().replace("TLSv", "TLS ") if security else "zonder beveiliging"
    return Step("Verzenden mag", True, f"{settings.smtp_host}, {over}; er is niets verstuurd")


async def _may_send(client: SMTP, address: str) -> None:
    try:
        await client.mail(address)
        await client.rcpt(address)
        await client.rset()
    except SMTPResponseException as answer:
        raise Refused(f"De mailserver weigert de afzender. Er is niets verstuurd. Vraag ICT: “Sta {address} toe voor "
                      f"dit account.” Antwoord van de server: {smtp.said(answer)}") from answer


def _security(version: str, until: datetime | None) -> str:
    if until is None:
        return "zonder beveiliging, alleen op deze computer"
    return f"{version.replace('TLSv', 'TLS ')}, certificaat geldig tot {_day(until.astimezone(UTC))}"


def _day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
