"""Two mail servers: a real one (aiosmtpd) and one that fails at the stage it is told to."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.connectors.email.dovecot import PASSWORD
from tests.connectors.email.token_server import TokenServer


@dataclass
class MailServer:
    """Takes mail for submission after sign-in. `refuse` maps an address to the server's words about it, `forward`
    is awaited with each recipient and mail."""

    tokens: TokenServer | None = None
    refuse: dict[str, str] = field(default_factory=dict)
    forward: Callable[[str, bytes], Awaitable[None]] | None = None
    mails: list[Envelope] = field(default_factory=list)
    port: int = 0
    logins: list[str] = field(default_factory=list)
    size: int = 30_000_000
    _server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None, implicit: bool = False) -> None:
        loop, starttls = asyncio.get_running_loop(), bool(context) and not implicit
        self._server = await loop.create_server(
            lambda: _Submission(self, tls_context=None if implicit else context,
                                require_starttls=starttls, authenticator=self._judge, auth_required=starttls,
                                auth_require_tls=starttls, enable_SMTPUTF8=True, loop=loop,
                                data_size_limit=self.size, hostname="mail.voorbeeldstad.example"),
            "127.0.0.1", 0, ssl=context if implicit else None)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()

    def _judge(self, server, session, envelope, mechanism, data) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        if good:
            self.logins.append(data.login.decode())
        return AuthResult(success=good, handled=False, auth_data=data)

    async def handle_MAIL(self, server, session, envelope: Envelope, address: str, options) -> str:
        if words := self.refuse.get(address):
            return words
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope: Envelope, address: str, options) -> str:
        if words := self.refuse.get(f"to {address}"):
            return words
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope: Envelope) -> str:
        if words := self.refuse.get("data"):
            return words
        self.mails.append(envelope)
        for recipient in envelope.rcpt_tos if self.forward else ():
            await self.forward(recipient, envelope.content)
        return "250 Queued"

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """As Google's and Microsoft's: a refusal is a challenge first, answered with an empty line."""
        said = base64.b64decode(args[1]).decode()
        user, _, rest = said.removeprefix("user=").partition("\x01auth=Bearer ")
        grant = self.tokens.judge(rest.removesuffix("\x01\x01")) if self.tokens else None
        if grant and grant.address == user:
            self.logins.append(user)
            return AuthResult(success=True, auth_data=user.encode())
        await server.push("334 " + base64.b64encode(b'{"status":"401"}').decode())
        assert b"" == (await server._reader.readline()).strip()
        return AuthResult(success=False, handled=False)


class _Submission(SMTP):
    """aiosmtpd that looks at the end of a session without noise."""

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(None)

    async def _handle_hooks_closed(self, session: Session) -> None:
        pass


@dataclass
class Failing:
    """Speaks SMTP until `stage` (greeting, EHLO, AUTH, MAIL, RCPT, DATA, text, dot), then does `act`: `drop`,
    `stall`, or says those words. `complete` counts mails it saw whole."""

    stage: str
    act: str
    complete: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # so that a large mail does not fit in it
        self._server = await asyncio.start_server(self._serve, sock=sock)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        self._end.set()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._say(writer, "greeting", "220 mail.voorbeeldstad.example ESMTP")
            while line := await reader.readline():
                word = line[:4].decode().strip().upper()
                if word == "QUIT":
                    break
                await self._say(writer, word, {"EHLO": "250-mail.voorbeeldstad.example\r\n250 AUTH PLAIN",
                                               "AUTH": "235 OK", "DATA": "354 go on"}.get(word, "250 OK"))
                if word == "DATA" and self.stage != "DATA":
                    await self._text(reader, writer)
        except (ConnectionError, EOFError):
            pass
        writer.transport.abort()

    async def _text(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        await self._say(writer, "text", "")
        while line := await reader.readline():
            if line == b".\r\n" and self.stage != "text":
                self.complete += 1
                return await self._say(writer, "dot", "250 Queued")

    async def _say(self, writer: asyncio.StreamWriter, stage: str, words: str) -> None:
        if stage == self.stage:
            if self.act == "drop":
                raise EOFError
            if self.act == "stall":
                await self._end.wait()
                raise EOFError
            words = self.act
        if words:
            writer.write(words.encode() + b"\r\n")
            await writer.drain()
