"""A reply on its way out: its words as the platform takes them, its files first, then the post itself, once."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Any

from aiohttp import FormData

from connectors import Attachment, Outgoing, Refused, Sent, TryLater, Unknown
from connectors.length import addressed, counted
from connectors.mastodon.client import UPLOAD_SECONDS, Api, Missing
from connectors.mastodon.parse import KIND, post_id

WORK_SECONDS = 60.0  # the server may take this long to make a film or a picture ready
GONE = "Het bericht waarop je antwoordt, is er niet meer. Antwoord op een ander bericht van deze inwoner."


def written(outgoing: Outgoing, domain: str) -> str:
    """The text with before it whom it is for: without their name nobody is told of it. Raises `Refused`."""
    names = [one.address.removesuffix(f"@{domain}") for one in outgoing.to if one.kind == KIND]
    if not names:
        raise Refused("Dit gesprek heeft niemand op Mastodon aan wie je kunt antwoorden.")
    return addressed(outgoing.text.strip(), names)


async def send(api: Api, outgoing: Outgoing, home: dict[str, str], public: str, can: Any) -> Sent:
    """One post. `public` is the visibility of what anybody may read. The same reply again, within the hour for which
    the server remembers its key, gives the first one's id."""
    text = written(outgoing, home["domain"])
    if counted(text + outgoing.subject, can) > can.longest_text:
        raise Refused(f"Dit antwoord is te lang: {counted(text + outgoing.subject, can)} tekens, en er mogen er"
                      f" {can.longest_text} in. Kort het in.")
    form: dict[str, Any] = {"status": text, "visibility": public if outgoing.public else "direct", "language": "nl",
                            "media_ids": [await _upload(api, file) for file in outgoing.attachments]}
    if outgoing.subject:
        form["spoiler_text"] = outgoing.subject
    if answered := _answered(outgoing, home["server"]):
        form["in_reply_to_id"] = answered
    key = hashlib.sha256(f"{outgoing.idempotency_key} {outgoing.external_id}".encode()).hexdigest()
    try:
        made = await api.post("/api/v1/statuses", form, {"Idempotency-Key": key})
    except Missing as problem:
        raise Refused(GONE) from problem
    if not isinstance(made, dict) or not made.get("id"):
        raise Unknown("De server zei niet welk bericht hij plaatste.")
    return Sent(post_id(home["server"], made["id"]), datetime.now(UTC))


def _answered(outgoing: Outgoing, server: str) -> str:
    """The newest post of this server that the reply stands under; a reply of ours that is not out yet has no id."""
    prefix = f"{server}/"
    known = [one for one in (*outgoing.references, outgoing.answers_to or "") if one.startswith(prefix)]
    return known[-1].removeprefix(prefix) if known else ""


async def _upload(api: Api, file: Attachment) -> str:
    """A file at the server, ready to be posted. Nothing is posted yet, so whatever happens it may be tried again."""
    form = FormData()
    form.add_field("file", file.content, filename=file.name or "bestand", content_type=file.type)
    if file.description:
        form.add_field("description", file.description)
    try:
        made = await api.post("/api/v2/media", form, seconds=UPLOAD_SECONDS)
        async with asyncio.timeout(WORK_SECONDS):
            while not made.get("url"):
                await asyncio.sleep(1.0)
                made = await api.get(f"/api/v1/media/{made['id']}")
    except Missing as problem:
        raise Refused("De server neemt geen bestanden aan.") from problem
    except (Unknown, TimeoutError) as problem:
        raise TryLater(f"Het bestand {file.name} is nog niet aangekomen bij Mastodon.") from problem
    return str(made["id"])
