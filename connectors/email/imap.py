"""One connection to an IMAP server (RFC 3501), used from one thread. It looks and never changes anything.

Folders are opened with EXAMINE and mails fetched with BODY.PEEK: nothing becomes "read" because we saw it.
"""

from __future__ import annotations

import imaplib
import re
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from connectors import SignInNeeded, TryLater
from connectors.email.settings import Settings, require_security, tls

SILENCE_SECONDS = 60.0  # a server that says nothing for so long in the middle of an answer is gone
TASTE_BYTES = 262_144  # what is fetched of a mail that is too large: its headers and the beginning of its text
_PASSING = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]|too many|try again|temporar", re.I)  # RFC 5530
_UID = re.compile(r"\bUID (\d+)")
_SIZE = re.compile(r"\bRFC822\.SIZE (\d+)")
_ARRIVED = re.compile(r'\bINTERNALDATE "([^"]+)"')
_SENT_NAMES = ("sent items", "verzonden items", "sent mail", "verzonden berichten", "verzonden", "sent")


class Dropped(TryLater):
    """The connection is gone. What was asked may be asked again on a new one."""


class Declined(Exception):
    """The server understood and will not: its NO or BAD, as text."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it is now. `next_uid` is the UID that the next mail will get at least."""

    name: str
    validity: int
    next_uid: int
    count: int


@dataclass(frozen=True, slots=True)
class Measure:
    """What is asked before a mail is fetched: its size in bytes and when the server took it in."""

    size: int
    arrived: datetime


class Line:
    """The connection. `access` gives an access token (never the rejected one) when we do not use a password."""

    def __init__(self, settings: Settings, access: Callable[[str], str] | None = None):
        self._settings, self._access = settings, access
        self._box: Any = None
        self.opened = ""  # the folder we are in
        self._stopped = False

    def connect(self) -> None:
        """A new connection, signed in. Raises `Dropped`, `TryLater` and `SignInNeeded`."""
        self.open()
        self.sign_in()

    def open(self) -> None:
        """Only the connection and its encryption."""
        self.close()
        self.opened = ""
        settings = self._settings
        host, port, security = settings.imap_host, settings.imap_port, settings.imap_security
        require_security(host, security)
        with _told(host):
            match security:
                case "tls":
                    self._box = MailBox(host, port, SILENCE_SECONDS, ssl_context=tls(settings))
                case "starttls":
                    self._box = MailBoxStartTls(host, port, SILENCE_SECONDS, ssl_context=tls(settings))
                case _:
                    self._box = MailBoxUnencrypted(host, port, SILENCE_SECONDS)
        self._check_stopped()

    def sign_in(self) -> None:
        """With the password, or with an access token; a token that is refused is renewed once."""
        settings = self._settings
        if not self._access:
            if not settings.imap_password.reveal():
                raise SignInNeeded("Vul het wachtwoord van het postvak in.")
            self._sign_in(self._box.login_utf8 if _needs_utf8(settings) else self._box.login,
                          settings.imap_password.reveal())
            return
        token = self._access("")
        try:
            self._sign_in(self._box.xoauth2, token)
        except SignInNeeded:
            token = self._access(token)
            self.open()  # some servers hang up after a refusal
            self._sign_in(self._box.xoauth2, token)

    def security(self) -> tuple[str, datetime | None]:
        """The version of TLS and until when the certificate is valid. An empty version: no encryption."""
        sock = self._box.client.sock
        if not isinstance(sock, ssl.SSLSocket):
            return "", None
        until = (sock.getpeercert() or {}).get("notAfter")
        return sock.version() or "", datetime.fromtimestamp(ssl.cert_time_to_seconds(str(until)), UTC)

    def folder(self, name: str) -> Folder:
        """How a folder stands, without opening it."""
        with _told(self._settings.imap_host):
            found = self._box.folder.status(name, ("MESSAGES", "UIDNEXT", "UIDVALIDITY"))
        if not {"MESSAGES", "UIDNEXT", "UIDVALIDITY"} <= found.keys():
            raise Declined(f"De mailserver vertelt niet hoe de map {name} staat.")
        return Folder(name, found["UIDVALIDITY"], found["UIDNEXT"], found["MESSAGES"])

    def examine(self, name: str) -> int:
        """Open a folder for looking only. Gives its UIDVALIDITY."""
        with _told(self._settings.imap_host):
            self._box.folder.set(name, readonly=True)
            _, found = self._box.client.response("UIDVALIDITY")
        self.opened = name
        if not found or not found[0]:
            raise Declined(f"De mailserver geeft geen UIDVALIDITY voor de map {name}.")
        return int(found[0])

    def sent_folder(self) -> str:
        """The folder with sent mail: by its special use (RFC 6154), else by its name. Empty when there is none."""
        with _told(self._settings.imap_host):
            folders = [folder for folder in self._box.folder.list() if "\\Noselect" not in folder.flags]
        for folder in folders:
            if "\\sent" in [flag.lower() for flag in folder.flags]:
                return folder.name
        named = {folder.name.rpartition(folder.delim)[2].lower() if folder.delim else folder.name.lower(): folder.name
                 for folder in reversed(folders)}
        return next((named[name] for name in _SENT_NAMES if name in named), "")

    def search(self, criteria: str) -> list[int]:
        """UIDs in the open folder, ascending."""
        with _told(self._settings.imap_host):
            self._box.client.untagged_responses.clear()  # so that an EXISTS from here on is news, see `wait`
            return sorted(int(uid) for uid in self._box.uids(criteria, charset=None))

    def uids_after(self, uid: int) -> list[int]:
        """UIDs above this one. The server also names its last mail when that is older: RFC 3501, `n:*`."""
        return [found for found in self.search(f"UID {uid + 1}:*") if found > uid]

    def measure(self, uids: list[int]) -> dict[int, Measure]:
        """Size and date of each; a mail that is gone is left out."""
        found = {}
        for text, _ in self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)"):
            uid, size = _UID.search(text), _SIZE.search(text)
            if uid and size:
                found[int(uid[1])] = Measure(int(size[1]), _arrived(text))
        return found

    def mails(self, uids: list[int]) -> dict[int, bytes]:
        """Each mail whole, byte for byte; a mail that is gone is left out."""
        found = {}
        for text, literals in self._fetch(uids, "(UID BODY.PEEK[])"):
            if (uid := _UID.search(text)) and literals:
                found[int(uid[1])] = literals[0]
        return found

    def beginning(self, uid: int) -> tuple[bytes, str]:
        """The first bytes of a mail and, when the server can tell, its structure as RFC 3501 writes it."""
        raw = b"".join(part for _, literals in self._fetch([uid], f"(UID BODY.PEEK[]<0.{TASTE_BYTES}>)")
                       for part in literals[:1])
        try:
            told = [text + " " + b" ".join(literals).decode("latin-1")
                    for text, literals in self._fetch([uid], "(UID BODYSTRUCTURE)")]
        except Declined:
            told = []
        return raw, " ".join(told)[:10_000]

    def headers(self, uid: int) -> bytes:
        """The header of a mail alone."""
        return b"".join(part for _, literals in self._fetch([uid], "(UID BODY.PEEK[HEADER])") for part in literals)

    def wait(self, idle_seconds: float, poll_seconds: float) -> None:
        """Until the server says something or the time is up; then proof that it is still there. Search afterwards."""
        client = self._box.client
        with _told(self._settings.imap_host):
            if "EXISTS" in client.untagged_responses:  # told between our last search and now, and never again
                return
            if "IDLE" not in client.capabilities:
                self._quiet(poll_seconds)
                client.noop()
                return
            tag = client._command("IDLE")
            heard = False
            while client._get_response() is not None:  # what comes before "+" is already news
                if client.tagged_commands[tag]:
                    raise Declined("De mailserver weigert IDLE.")
                heard = True
            if not heard:
                self._quiet(idle_seconds)
            client.send(b"DONE\r\n")
            self._box.consume_until_tagged_response(tag)

    def close(self) -> None:
        """Say goodbye as far as the server listens. Never raises."""
        box, self._box = self._box, None
        if not box:
            return
        try:
            box.client.sock.settimeout(2.0)
            box.client.logout()
        except (OSError, imaplib.IMAP4.error):
            box.client.shutdown()  # also when it does not answer

    def stop(self) -> None:
        """End whatever the thread waits for. The only method that another thread may call."""
        self._stopped = True
        if box := self._box:
            _hang_up(box.client.sock)

    def _check_stopped(self) -> None:
        if self._stopped:
            _hang_up(self._box.client.sock)
            raise Dropped("Er is gestopt met luisteren.")

    def _sign_in(self, method: Callable[..., Any], secret: str) -> None:
        with _told(self._settings.imap_host, signing_in=True):
            method(self._settings.imap_name, secret, initial_folder=None)
            self._box.client._get_capabilities()  # a server may offer IDLE only to whoever is signed in

    def _fetch(self, uids: list[int], parts: str) -> Iterator[tuple[str, list[bytes]]]:
        with _told(self._settings.imap_host):
            kind, data = self._box.client.uid("FETCH", ",".join(map(str, uids)), parts)
        if kind != "OK":
            raise Declined(_text(data))
        text, literals = "", []
        for item in data:  # imaplib: a tuple ends in a literal, bytes end the answer on one mail
            if isinstance(item, tuple):
                text += item[0].decode("latin-1")
                literals.append(item[1])
            elif item is not None:
                yield text + item.decode("latin-1"), literals
                text, literals = "", []

    def _quiet(self, seconds: float) -> None:
        """Wait until bytes come, the other side hangs up or `stop` does."""
        self._check_stopped()
        sock = self._box.client.sock
        if _buffered(self._box.client, sock):
            return
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        poller.poll(seconds * 1000)
        self._check_stopped()


@contextmanager
def _told(host: str, signing_in: bool = False) -> Iterator[None]:
    """What goes wrong, as what it means to us."""
    try:
        yield
    except imaplib.IMAP4.abort as problem:
        raise Dropped(f"De verbinding met {host} brak af.") from problem
    except ssl.SSLCertVerificationError as problem:
        raise TryLater(f"Het certificaat van {host} klopt niet: {problem.verify_message}") from problem
    except socket.gaierror as problem:
        raise TryLater(f"De server {host} is niet gevonden. Controleer de naam.") from problem
    except ssl.SSLError as problem:
        raise Dropped(f"De beveiligde verbinding met {host} lukt niet: {problem.reason}") from problem
    except TimeoutError as problem:
        raise Dropped(f"De server {host} antwoordt niet.") from problem
    except OSError as problem:
        raise Dropped(f"Geen verbinding met {host}: {problem.strerror or problem}") from problem
    except (imaplib.IMAP4.error, ImapToolsError) as problem:
        _refuse(problem, signing_in)


def _refuse(problem: Exception, signing_in: bool) -> None:
    said = _text(problem.command_result[1]) if isinstance(problem, MailboxLoginError) else str(problem)
    if not signing_in:
        raise Declined(said[:300]) from problem
    if _PASSING.search(said):
        raise TryLater(f"De mailserver laat ons nu niet aanmelden: {said[:300]}") from problem
    raise SignInNeeded(f"De mailserver weigert de aanmelding: {said[:300]}") from problem


def _text(data: Any) -> str:
    return " ".join(part.decode("utf-8", "replace") for part in data or () if isinstance(part, bytes))[:300]


def _arrived(text: str) -> datetime:
    """INTERNALDATE as UTC, never in the future. Without one: now."""
    now = datetime.now(UTC)
    found = _ARRIVED.search(text)
    try:
        return min(parsedate_to_datetime(found[1].strip()).astimezone(UTC), now) if found else now
    except (ValueError, OverflowError):
        return now


def _buffered(client: Any, sock: socket.socket) -> bool:
    """Whether bytes were already read off the socket, where `poll` does not see them: they share a TLS record with
    the answer before them."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    if (ahead := getattr(client, "_readbuf", None)) is not None:  # Python 3.14 and later
        return bool(ahead)
    sock.settimeout(0)
    try:
        return bool(client.file.peek(1))
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        sock.settimeout(SILENCE_SECONDS)


def _needs_utf8(settings: Settings) -> bool:
    return not (settings.imap_name + settings.imap_password.reveal()).isascii()


def _hang_up(sock: socket.socket) -> None:
    """End the connection under whoever reads it. Not `sock.shutdown`: on TLS that takes the reader's state away."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # it was gone already
