"""E-mail: read over IMAP, answered over SMTP. `README.md` tells what is decided and how to connect a mailbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from connectors import Batch, Capabilities, ChannelError, Delivery, DeliveryKey, Outgoing, Sent, Step, TryLater
from connectors.email import check, proof, smtp
from connectors.email.compose import ANSWER_CHARACTERS, FILES_BYTES, ascii_domain, compose, recipients
from connectors.email.imap import Line
from connectors.email.oauth import OnNewSecret, Tokens
from connectors.email.reading import Reading, keys
from connectors.email.settings import Settings
from connectors.email.thread import in_thread
from connectors.email.withheld import parse as _parse

__all__ = ["Email", "Settings"]

_TOKEN_SECONDS = 90.0


class Email:
    """One mailbox.

    The house may set `on_new_secret`: it is awaited with a field's name and its new value when the token server
    rotates our refresh token. `reply_address_proved` says whether Reply-To may carry a token; the house sets it.
    """

    name = "email"
    title = "E-mail"
    Settings = Settings
    hostile_input = True
    capabilities = Capabilities(longest_text=ANSWER_CHARACTERS, longest_subject=255, attachment_bytes=FILES_BYTES,
                                threads=True, sent_items=True, copies=True)
    parse = staticmethod(_parse)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reply_address_proved = False
        self._tokens = None if settings.sign_in == "password" else Tokens(settings)

    @property
    def on_new_secret(self) -> OnNewSecret | None:
        return self._tokens.on_new_secret if self._tokens else None

    @on_new_secret.setter
    def on_new_secret(self, call: OnNewSecret | None) -> None:
        if self._tokens:
            self._tokens.on_new_secret = call

    async def listen(self, cursor: Mapping[str, Any]) -> AsyncIterator[Batch]:
        """Batches without end. Raises `TryLater` and `SignInNeeded`; then listen again from the stored cursor."""
        line = self._line()
        reading = Reading(self.settings, line, cursor)
        async with aclosing(in_thread(reading.batches(), line.stop, self._thread)) as batches:
            async for batch in batches:
                yield batch

    async def keys(self, cursor: Mapping[str, Any], since: datetime | None = None) -> AsyncIterator[DeliveryKey]:
        """The keys of the mails in the inbox that are ours. Raises `TryLater` before it was ever read."""
        _read_before(cursor)
        line = self._line()
        async with aclosing(in_thread(keys(self.settings, line, cursor, since), line.stop, self._thread)) as lists:
            async for found in lists:
                for key in found:
                    yield key

    async def fetch(self, cursor: Mapping[str, Any], keys: Sequence[DeliveryKey]) -> AsyncIterator[Delivery]:
        """These mails of the inbox once more."""
        _read_before(cursor)
        line = self._line()
        reading = Reading(self.settings, line, cursor)
        async with aclosing(in_thread(reading.again(keys), line.stop, self._thread)) as lists:
            async for found in lists:
                for delivery in found:
                    yield delivery

    async def expires(self) -> datetime | None:
        """The day that was filled in, or what the token server told of our refresh token; the first of the two."""
        known = [self.settings.secret_ends, self._tokens.ends if self._tokens else None]
        return min((at for at in known if at), default=None)

    async def send(self, outgoing: Outgoing) -> Sent:
        """One reply. A recipient that was refused while others were not is told of in `notes`."""
        at = datetime.now(UTC)
        mail = compose(outgoing, self.settings, at, self.reply_address_proved)
        async with smtp.signed_in(self.settings, self._tokens) as client:
            notes = await smtp.deliver(client, ascii_domain(self.settings.address), recipients(outgoing), mail)
        return Sent(outgoing.external_id, at, notes)

    async def check(self) -> list[Step]:
        return await check.steps(self.settings, self._line(), self._tokens)

    async def prove_reply_address(self, token: str) -> Step:
        """Send a mail to our own address with `token` and wait for it, at most `proof.ARRIVAL_SECONDS`."""
        probe = proof.probe(self.settings, token)
        address = probe.to[0].address
        try:
            await self.send(probe)
            self.reply_address_proved = await proof.arrives(self.settings, self._line(), probe)
        except ChannelError as problem:
            return Step("Antwoordadres niet getest", False, address, str(problem))
        return proof.told(address, self.reply_address_proved)

    async def close(self) -> None:
        """Nothing stays open: each reader ends with its generator, each sender with its mail."""

    @property
    def _thread(self) -> str:
        return f"mailbox {self.settings.imap_name}"

    def _line(self) -> Line:
        return Line(self.settings, self._access() if self._tokens else None)

    def _access(self) -> Callable[[str], str]:
        """For the mailbox's thread: the tokens live in the event loop, where IMAP and SMTP share them."""
        loop, tokens = asyncio.get_running_loop(), self._tokens
        assert tokens is not None

        def access(rejected: str) -> str:
            try:
                return asyncio.run_coroutine_threadsafe(tokens.access(rejected), loop).result(_TOKEN_SECONDS)
            except (TimeoutError, CancelledError, RuntimeError) as problem:
                raise TryLater("Er kwam geen token.") from problem
        return access


def _read_before(cursor: Mapping[str, Any]) -> None:
    if "inbox" not in cursor:
        raise TryLater("Het postvak is nog niet gelezen.")
