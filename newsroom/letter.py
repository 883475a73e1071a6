"""Letters from the house itself: an invitation, a link for a new password. Plain text, one reader."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import aiosmtplib

from newsroom import language
from newsroom.settings import Settings

SECONDS = 20  # an administrator is waiting for the page
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NotSent(Exception):
    """The mail server did not take the letter; the text says why, for the log."""


def is_possible(settings: Settings) -> bool:
    return bool(settings.mail_url)


async def send(settings: Settings, kind: str, speech: str, name: str, email: str, path: str) -> None:
    """Send the letter `kind` (invitation, reset) with a link to `path`. Raises `NotSent`."""
    message = write(settings, kind, speech, name, email, path)
    server = urlsplit(settings.mail_url)
    secure = server.scheme == "smtps"
    try:
        await aiosmtplib.send(
            message, hostname=server.hostname, port=server.port or (465 if secure else 587),
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None, use_tls=secure,
            start_tls=False if secure else None if server.hostname in LOOPBACK else True, timeout=SECONDS)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise NotSent(f"{type(error).__name__}: {error}") from error


async def reach(settings: Settings) -> None:
    """Sign in at the mail server and send nothing. Raises `NotSent`."""
    server = urlsplit(settings.mail_url)
    secure = server.scheme == "smtps"
    client = aiosmtplib.SMTP(
        hostname=server.hostname, port=server.port or (465 if secure else 587),
        username=unquote(server.username) if server.username else None,
        password=unquote(server.password) if server.password else None, use_tls=secure,
        start_tls=False if secure else None if server.hostname in LOOPBACK else True, timeout=SECONDS)
    try:
        async with client:
            await client.noop()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise NotSent(f"{type(error).__name__}: {error}") from error


def write(settings: Settings, kind: str, speech: str, name: str, email: str, path: str) -> EmailMessage:
    """The letter. Raises `ValueError` for a line break in a header."""
    t = language.translator(speech)
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = Address(name, addr_spec=email)
    message["Subject"] = t(f"letter.{kind}.subject", organisation=settings.organisation)
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=urlsplit(settings.address).hostname or "localhost")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message.set_content(t(f"letter.{kind}.text", name=name, organisation=settings.organisation,
                          link=settings.address + path) + "\n")
    return message
