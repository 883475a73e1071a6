"""Mastodon: read over REST with the live stream as its bell, answered with posts. `README.md` tells what is decided."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any

from connectors import Batch, Capabilities, ChannelError, Delivery, DeliveryKey, Outgoing, Sent, Step, TryLater
from connectors.mastodon import check, replies, stream
from connectors.mastodon.client import Api, Missing
from connectors.mastodon.parse import parse as _parse
from connectors.mastodon.reading import Reading
from connectors.mastodon.settings import Settings
from connectors.mastodon.stream import Bell

__all__ = ["Mastodon", "Settings"]

POLL_SECONDS = 60.0  # what the stream did not tell is here at most this much later
BLIND_SECONDS = 15.0  # the same, while the stream is closed
GAP_SECONDS = 1.0  # between two rounds: a burst costs two requests a second, not two a message
WATCH_SECONDS = 300.0  # between two rounds past all watched posts
KNOWN_SECONDS = 6 * 3600.0  # the server's limits hardly ever change
AGAIN_SECONDS = 60.0  # a server that did not tell them is not asked again before


class Mastodon:
    """One account. Its limits are the server's own, once `learn` asked for them."""

    name = "mastodon"
    title = "Mastodon"
    Settings = Settings
    hostile_input = True
    capabilities = Capabilities(
        longest_text=500, longest_subject=500, warning=True, link_length=23, short_handles=True, most_attachments=4,
        attachment_bytes=16_000_000, descriptions=True, public=True, threads=True, idempotency_key=True,
        key_seconds=3000, edits=True, deletes=True, sent_items=True)
    parse = staticmethod(_parse)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._made: Api | None = None
        self._home: dict[str, str] = {}
        self._about: dict[str, Any] = {}
        self._learn_at = 0.0

    async def listen(self, cursor: Mapping[str, Any]) -> AsyncIterator[Batch]:
        """Batches without end. Raises `TryLater` and `SignInNeeded`; then listen again from the stored cursor."""
        reading = await self._reading(cursor)
        async for batch in reading.begin():
            yield batch
        bell, checked = Bell(), 0.0
        following = asyncio.create_task(stream.follow(check.streaming(self._about, self._api.base),
                                                      self.settings.token.reveal(), self._home["account"], bell))
        try:
            while True:
                touched = bell.take()
                async for batch in reading.catch_up():
                    yield batch
                everything = monotonic() - checked >= WATCH_SECONDS or not checked
                checked = monotonic() if everything else checked
                async for batch in reading.check_watched(None if everything else touched):
                    yield batch
                await asyncio.sleep(max(GAP_SECONDS, self._api.pause()))
                await bell.wait(POLL_SECONDS if bell.live else BLIND_SECONDS)
        except Missing as problem:
            raise TryLater("De server kent een adres niet dat elke Mastodon-server heeft.") from problem
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def keys(self, cursor: Mapping[str, Any], since: datetime | None = None) -> AsyncIterator[DeliveryKey]:
        """The keys of what the source has since reading began. Raises `TryLater` before it did."""
        async for key in (await self._reading(self._begun(cursor))).keys(since):
            yield key

    async def fetch(self, cursor: Mapping[str, Any], keys: Sequence[DeliveryKey]) -> AsyncIterator[Delivery]:
        async for delivery in (await self._reading(self._begun(cursor))).fetch(keys):
            yield delivery

    async def send(self, outgoing: Outgoing) -> Sent:
        """One reply, as a post under the one it answers."""
        await self._sign_in()
        return await replies.send(self._api, outgoing, self._home, self.settings.public_replies, self.capabilities)

    async def learn(self) -> None:
        """Take over the server's limits. Does not raise: without an answer those known stay."""
        if monotonic() < self._learn_at:
            return
        self._learn_at = monotonic() + AGAIN_SECONDS
        try:
            self._take(await check.instance(self._api))
        except (ChannelError, Missing):
            return
        self._learn_at = monotonic() + KNOWN_SECONDS

    async def check(self) -> list[Step]:
        try:
            return await check.steps(self._api, self.settings)
        except ChannelError as problem:
            return [Step("Server niet gevonden", False, self.settings.server, str(problem))]

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()

    @property
    def _api(self) -> Api:
        """Raises `SignInNeeded` when the address is none."""
        if self._made is None:
            self._made = Api(self.settings)
        return self._made

    async def _reading(self, cursor: Mapping[str, Any]) -> Reading:
        await self._sign_in()
        try:
            app = str((await self._api.get("/api/v1/apps/verify_credentials")).get("name") or "")
        except (ChannelError, Missing):
            app = ""
        return Reading(self._api, self.settings, self._home, app, cursor)

    @staticmethod
    def _begun(cursor: Mapping[str, Any]) -> Mapping[str, Any]:
        if "start" not in cursor:
            raise TryLater("Het account is nog niet gelezen.")
        return cursor

    async def _sign_in(self) -> None:
        """Who we are, asked once. Raises `SignInNeeded` and `TryLater`."""
        if self._home:
            return
        try:
            about = await check.instance(self._api)
            me = await self._api.get("/api/v1/accounts/verify_credentials")
        except Missing as problem:
            raise TryLater("Op dit adres antwoordt geen Mastodon-server.") from problem
        self._take(about)
        domain = str(about.get("domain") or about.get("uri") or self.settings.host).lower()
        self._home = {"server": self.settings.host, "domain": domain, "account": str(me["id"])}

    def _take(self, about: dict[str, Any]) -> None:
        self._about = about
        limits = about.get("configuration") or {}
        posts, media = limits.get("statuses") or {}, limits.get("media_attachments") or {}
        sizes = [media[name] for name in ("image_size_limit", "video_size_limit") if isinstance(media.get(name), int)]
        types = media.get("supported_mime_types")
        self.capabilities = replace(
            type(self).capabilities, longest_text=check.longest(about),
            link_length=int(posts.get("characters_reserved_per_url") or 23),
            most_attachments=int(posts.get("max_media_attachments") or 4),
            attachment_bytes=min([*sizes, type(self).capabilities.attachment_bytes]),
            attachment_types=tuple(map(str, types)) if isinstance(types, list) and types else None)
