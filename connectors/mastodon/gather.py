"""From a post as the server shows it to a delivery: what changes by itself left out, its files and what it answers
put in. So the same post always gives the same bytes, and reading it needs no network."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from aiohttp import ClientError, ClientSession

from connectors import Delivery, DeliveryKey, outbound
from connectors.mastodon.client import Api, Missing
from connectors.mastodon.parse import CONTENT_TYPE

FILE_BYTES = 16_000_000  # the largest file that is kept; Mastodon's own limit for pictures
POST_BYTES = 24_000_000  # of all files of a post together
FILE_SECONDS = 60.0
HOPS = 3  # media behind a redirect to the server's file store
REDIRECTS = (301, 302, 303, 307, 308)
# of a post: counts, how we ourselves stand to it, and a preview that is made later
PASSING = frozenset({"replies_count", "reblogs_count", "favourites_count", "quotes_count", "favourited", "reblogged",
                     "muted", "bookmarked", "pinned", "filtered", "card", "quote_approval", "emojis"})
PERSON = ("id", "username", "acct", "display_name", "url", "bot", "created_at")  # of an author, what does not pass


def key(id: str, edited_at: str = "") -> DeliveryKey:
    """Of a post, or of one of its edits."""
    return DeliveryKey(f"post/{id}/{edited_at}" if edited_at else f"post/{id}")


def body(kind: str, home: dict[str, str], **parts: Any) -> bytes:
    """The delivery's bytes. `home` is {server, domain, account}: where the post was read, and as whom."""
    return json.dumps({"event": kind, "home": home, **parts}, ensure_ascii=False, sort_keys=True).encode(
        "utf-8", "replace")


def deleted(id: str, home: dict[str, str], author: str, public: bool, ours: bool) -> Delivery:
    """That a post is gone: the server tells no more than its id."""
    return Delivery(DeliveryKey(f"post/{id}/deleted"), body("deletion", home, id=id, author=author, public=public,
                                                            ours=ours), datetime.now(UTC), CONTENT_TYPE)


async def post(api: Api, status: dict[str, Any], home: dict[str, str], kind: str = "post",
               history: bool = False) -> Delivery:
    """A post or an edit with its files and what it answers. Raises the channel errors when those cannot be had now;
    a file that cannot be had at all is told of instead."""
    id = str(status.get("id"))
    parts: dict[str, Any] = {"status": settled(status), "files": await _files(status.get("media_attachments"))}
    if status.get("in_reply_to_id") and str(status.get("in_reply_to_account_id")) == home["account"]:
        parts["answered"] = await _answered(api, str(status["in_reply_to_id"]))
    edited = str(status.get("edited_at") or "") if kind == "edit" else ""
    return Delivery(key(id, edited), body(kind, home, **parts), datetime.now(UTC), CONTENT_TYPE,
                    {"history": "1"} if history else {})


def settled(status: dict[str, Any]) -> dict[str, Any]:
    """A post without what changes by itself."""
    kept = {name: value for name, value in status.items() if name not in PASSING}
    if isinstance(account := kept.get("account"), dict):
        kept["account"] = {name: account.get(name) for name in PERSON}
    if isinstance(quote := kept.get("quote"), dict) and isinstance(quoted := quote.get("quoted_status"), dict):
        kept["quote"] = {**quote, "quoted_status": settled(quoted)}
    if isinstance(kept.get("reblog"), dict):
        kept["reblog"] = settled(kept["reblog"])
    if isinstance(poll := kept.get("poll"), dict):
        kept["poll"] = {"options": [{"title": one.get("title")} for one in poll.get("options") or []
                                    if isinstance(one, dict)], "expires_at": poll.get("expires_at")}
    return kept


async def _answered(api: Api, id: str) -> dict[str, Any] | None:
    """The post of ours that is answered, for who reads the answer. Not one of somebody else: who deletes a post must
    not find it back under another's."""
    try:
        return settled(await api.get(f"/api/v1/statuses/{id}"))
    except Missing:
        return None


async def _files(attachments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    room = POST_BYTES
    wanted = [one for one in attachments or [] if isinstance(one, dict)] if isinstance(attachments, list) else []
    if not wanted:
        return found
    async with outbound.session(seconds=FILE_SECONDS) as client:
        for one in wanted:
            about = {"id": str(one.get("id")), "kind": str(one.get("type")), "description": one.get("description"),
                     "url": one.get("url") or one.get("remote_url")}
            content, type, problem = await _file(client, about["url"], min(FILE_BYTES, room))
            room -= len(content)
            found.append(about | ({"problem": problem} if problem else
                                  {"type": type, "content": base64.b64encode(content).decode()}))
    return found


async def _file(client: ClientSession, url: Any, most: int) -> tuple[bytes, str, str]:
    """Bytes, type, and why there are none. Tried twice; a channel never stands still for a picture."""
    if not isinstance(url, str):
        return b"", "", "file-missing"
    problem = "file-missing"
    for _ in range(2):
        try:
            return await _fetch(client, url, most)
        except outbound.NotAllowed:
            return b"", "", "file-missing"
        except _TooLarge:
            return b"", "", "file-too-large"
        except (ClientError, TimeoutError, OSError, ValueError):
            continue
    return b"", "", problem


class _TooLarge(Exception):
    """More than is kept."""


async def _fetch(client: ClientSession, url: str, most: int) -> tuple[bytes, str, str]:
    for _ in range(HOPS):
        outbound.check(url)
        async with client.get(url, allow_redirects=False) as answer:
            if answer.status in REDIRECTS:
                url = urljoin(url, answer.headers.get("Location", ""))
                continue
            if answer.status != 200:
                return b"", "", "file-missing"
            if (answer.content_length or 0) > most:
                raise _TooLarge
            content = bytearray()
            async for piece in answer.content.iter_chunked(65_536):
                content += piece
                if len(content) > most:
                    raise _TooLarge
            return bytes(content), answer.content_type or "application/octet-stream", ""
    return b"", "", "file-missing"


