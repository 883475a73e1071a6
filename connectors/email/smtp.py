"""Sending over SMTP submission (RFC 5321, 6409), step by step, so that it is always known how far a mail came.

Until the final dot nothing was sent; after it the server's answer tells, and without an answer nobody knows.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from connectors import ChannelError, Refused, SignInNeeded, TryLater, Unknown
from connectors.email.oauth import Tokens
from connectors.email.settings import Settings, require_security, tls

CONNECT_SECONDS = 30.0
ANSWER_SECONDS = 120.0
SLOWEST_BYTES_A_SECOND = 50_000
FINAL_SECONDS = 600.0  # RFC 5321 section 4.5.3.2.6: a server may be delivering; leaving earlier makes doubles
_DOT = re.compile(rb"^\.", re.MULTILINE)


async def deliver(client: SMTP, sender: str, recipients: list[str], mail: bytes) -> tuple[str, ...]:
    """Hand over one mail with CRLF line ends. Gives a sentence for each recipient that was refused.

    Raises `Refused`, `TryLater`, `SignInNeeded` or `Unknown`, and each means exactly what the contract says.
    """
    wide = not (sender + "".join(recipients)).isascii()
    if wide and not client.supports_extension("smtputf8"):
        raise Refused("De mailserver kan geen adressen met bijzondere letters aan.")
    limit = client.esmtp_extensions.get("size", "")
    if limit.isdigit() and 0 < int(limit) < len(mail):
        raise Refused(f"Het bericht is te groot voor de mailserver: {len(mail) // 1_000_000} MB, "
                      f"en {int(limit) // 1_000_000} MB mag.")
    with _before_the_dot():
        await client.mail(sender, options=["SMTPUTF8"] if wide else [], encoding="utf-8" if wide else "ascii")
    notes = await _recipients(client, recipients, "utf-8" if wide else "ascii")
    await _data(client, mail)
    return notes


@asynccontextmanager
async def signed_in(settings: Settings, tokens: Tokens | None) -> AsyncIterator[SMTP]:
    """A connection that may send. Raises `SignInNeeded`, `TryLater` and `Refused`."""
    client = await connect(settings)
    try:
        await sign_in(client, settings, tokens)
        yield client
    finally:
        with suppress(SMTPException, OSError, asyncio.TimeoutError):
            await client.quit(timeout=2.0)
        client.close()


async def connect(settings: Settings) -> SMTP:
    """Connected and encrypted, with the certificate checked. Raises `SignInNeeded` and `TryLater`."""
    host, security = settings.smtp_host, settings.smtp_security
    require_security(host, security)
    client = SMTP(hostname=host, port=settings.smtp_port, use_tls=security == "tls",
                  start_tls=security == "starttls", tls_context=None if security == "none" else tls(settings),
                  local_hostname=settings.domain, timeout=CONNECT_SECONDS)
    try:
        await client.connect()
        await client.ehlo()
    except (SMTPException, OSError) as problem:
        client.close()
        raise _not_connected(host, problem) from problem
    client.timeout = ANSWER_SECONDS
    return client


async def sign_in(client: SMTP, settings: Settings, tokens: Tokens | None) -> None:
    """With a token, or with the password when the server asks for one. A refused token is renewed once."""
    with _before_the_dot(signing_in=True):
        if tokens:
            token = await tokens.access()
            try:
                await client.auth_xoauth2(settings.smtp_name, token)
            except SMTPAuthenticationError as problem:
                if problem.code < 500:
                    raise
                await client.auth_xoauth2(settings.smtp_name, await tokens.access(rejected=token))
            return
        password = settings.smtp_password.reveal() or settings.imap_password.reveal()
        if password and client.supports_extension("auth"):
            await client.login(settings.smtp_name, password)
        elif settings.smtp_user:  # who filled in a user expects that it is used
            raise SignInNeeded("De mailserver biedt geen aanmelding aan. Controleer server, poort en beveiliging.")


def said(response: SMTPResponse | SMTPResponseException) -> str:
    """The server's own words, on one line."""
    return f"{response.code} {' '.join(response.message.split())}"[:400]


async def _recipients(client: SMTP, recipients: list[str], encoding: str) -> tuple[str, ...]:
    """At least one must be accepted. When all were refused, one that may later be accepted decides."""
    refused: list[tuple[str, SMTPResponseException]] = []
    for recipient in recipients:
        try:
            with _before_the_dot(through=(SMTPResponseException, ValueError)):
                await client.rcpt(recipient, encoding=encoding)
        except SMTPResponseException as answer:
            refused.append((recipient, answer))
        except ValueError as problem:
            refused.append((recipient, SMTPResponseException(553, str(problem))))
    notes = tuple(f"Niet verstuurd aan {recipient}: de mailserver weigert dit adres. "
                  f"Antwoord van de server: {said(answer)}" for recipient, answer in refused)
    if len(refused) < len(recipients):
        return notes
    if not refused:
        raise Refused("Dit antwoord heeft geen ontvanger.")
    passing = next((answer for _, answer in refused if answer.code < 500), None)
    if passing:
        raise TryLater(f"De mailserver neemt de ontvanger nu niet aan: {said(passing)}", 300.0)
    raise Refused("\n".join(notes))


async def _data(client: SMTP, mail: bytes) -> None:
    """DATA by hand: whether the final dot went out decides between "certainly not" and "perhaps"."""
    with _before_the_dot():
        response = await client.execute_command(b"DATA")
        if response.code != 354:
            raise SMTPResponseException(response.code, response.message)
    protocol, transport = client.protocol, client.transport
    if protocol is None or not isinstance(transport, asyncio.WriteTransport):
        raise TryLater("De mailserver verbrak de verbinding.")
    transport.set_write_buffer_limits(high=1, low=0)  # so that draining means: handed over
    writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
    answer = asyncio.ensure_future(protocol.read_response(timeout=_text_seconds(mail) + FINAL_SECONDS))
    try:
        await _text(writer, answer, mail)
        writer.write(b".\r\n")
        response = await answer
    except (SMTPException, OSError) as problem:  # only from the dot on: `_text` has its own
        raise Unknown("De mailserver gaf na het versturen geen antwoord. Het is niet zeker of het bericht weg is. "
                      "Kijk in de map met verstuurde berichten.") from problem
    finally:
        if not answer.done():  # nothing more can be said on this connection
            client.close()
            answer.cancel()
    if 400 <= response.code < 600:
        raise _refusal(response)
    if response.code != 250:
        raise Unknown(f"De mailserver gaf na het versturen een antwoord dat wij niet begrijpen: {said(response)}")


async def _text(writer: asyncio.StreamWriter, answer: asyncio.Future, mail: bytes) -> None:
    """The mail without its final dot. A server may refuse halfway: then its answer is there already."""
    writer.write(_DOT.sub(b"..", mail))
    sending = asyncio.ensure_future(writer.drain())
    try:
        await asyncio.wait({sending, answer}, timeout=_text_seconds(mail), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            with _before_the_dot():
                raise _refusal(answer.result())
        if not sending.done():
            raise TryLater("De mailserver neemt het bericht niet verder aan.")
        with _before_the_dot():
            sending.result()
    finally:
        sending.cancel()


def _text_seconds(mail: bytes) -> float:
    return ANSWER_SECONDS + len(mail) / SLOWEST_BYTES_A_SECOND


@contextmanager
def _before_the_dot(signing_in: bool = False, through: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What goes wrong while the mail is certainly not sent, as what it means. `through`: left alone."""
    try:
        yield
    except (ChannelError, *through):
        raise
    except SMTPResponseException as problem:
        raise _refusal(problem, signing_in) from problem
    except (SMTPTimeoutError, TimeoutError) as problem:
        raise TryLater("De mailserver antwoordt niet.") from problem
    except (SMTPServerDisconnected, OSError) as problem:
        raise TryLater("De mailserver verbrak de verbinding.") from problem
    except SMTPException as problem:
        raise SignInNeeded(f"De mailserver biedt geen aanmelding aan die wij kennen: {problem}") from problem
    except ValueError as problem:
        raise Refused(f"De mailserver kan dit adres niet aan: {problem}") from problem


def _refusal(answer: SMTPResponse | SMTPResponseException, signing_in: bool = False) -> ChannelError:
    """What the server's refusal means (RFC 5321 section 4.2.1, RFC 4954 section 6)."""
    code, words = answer.code, said(answer)
    if code in (530, 534, 535, 538) or (signing_in and 500 <= code < 600):
        return SignInNeeded(f"De mailserver weigert de aanmelding. Controleer gebruiker en wachtwoord, of meld u "
                            f"opnieuw aan. Antwoord van de server: {words}")
    if 400 <= code < 500:
        return TryLater(f"De mailserver vraagt om het later te proberen. Antwoord van de server: {words}", 300.0)
    if 500 <= code < 600:
        return Refused(f"De mailserver weigert dit bericht of deze afzender. Er is niets verstuurd. Vraag ICT om het "
                       f"toe te staan. Antwoord van de server: {words}")
    return TryLater(f"De mailserver gaf een antwoord dat wij niet begrijpen: {words}", 300.0)


def _not_connected(host: str, problem: BaseException) -> ChannelError:
    cause = problem
    while cause.__cause__ is not None and not isinstance(cause, socket.gaierror | ssl.SSLError):
        cause = cause.__cause__
    match cause:
        case ssl.SSLCertVerificationError():
            return TryLater(f"Het certificaat van {host} klopt niet: {cause.verify_message}")
        case socket.gaierror():
            return TryLater(f"De server {host} is niet gevonden. Controleer de naam.")
        case ssl.SSLError():
            return TryLater(f"De beveiligde verbinding met {host} lukt niet. Controleer poort en beveiliging.")
    match problem:
        case SMTPConnectError() if isinstance(problem, SMTPResponseException) and problem.code >= 500:
            return TryLater(f"De server {host} laat ons niet toe: {said(problem)}", 600.0)
        case SMTPTimeoutError() | TimeoutError():
            return TryLater(f"De server {host} antwoordt niet.")
        case SMTPException() if "STARTTLS" in str(problem):
            return TryLater(f"De server {host} biedt geen STARTTLS aan. Controleer poort en beveiliging.")
    return TryLater(f"Geen verbinding met {host}.")
