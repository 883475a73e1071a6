"""Leveringen: messages in. Answered 202 with a reference, after the commit. The same Idempotency-Key with the same
bytes gets the same answer; with other bytes 409, for the caller still has them."""

from __future__ import annotations

import re

from aiohttp import web

from connectors import Delivery, DeliveryKey
from connectors.web_form import message
from newsroom import delivery
from newsroom.web import body, limits
from newsroom.web.api import models
from newsroom.web.api.frame import BASE, JSON, Call, Operation, encode, posted, serve, wrong
from newsroom.web.keys import DATABASE, WRITER, now
from newsroom.web.problem import TITLES, Refusal
from newsroom.web.routes import Routes

KEY = re.compile(rf"[\x21-\x7e]{{1,{limits.KEY_CHARACTERS}}}")


def routes(add: Routes) -> None:
    path = r"/kanalen/{id:\d{1,9}}/leveringen"
    serve(add, "POST", path, Operation(
        "deliver", "Hand over a message", deliver, "deliver", models.Received, body=message.Message, status=202,
        problems=(400, 401, 403, 409, 413, 415, 503), keyed=True))
    serve(add, "GET", path + "/{reference:[0-9A-Z]{1,20}}", Operation(
        "delivery", "How far a delivery is", look, "deliver", models.Progress, problems=(400, 401, 403, 404, 503)))


async def deliver(call: Call) -> web.Response:
    """See connectors/web_form/message.py for the keys of a message."""
    channel_id, request = _own_channel(call), call.request
    key = request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        raise wrong("Idempotency-Key", f"send a header of 1 to {limits.KEY_CHARACTERS} printable characters, equal on "
                    "every try of one message")
    raw, sent = await posted(request, message.Message, limits.BODY_BYTES)
    _check(raw, sent)
    item = Delivery(DeliveryKey(key), raw, now(request), JSON)
    receipt = await request.app[WRITER].put(channel_id, item)
    if receipt.differs:
        raise Refusal(409, "Key used before", "Another message was received with this Idempotency-Key. Send a new key "
                      "for a new message.")
    location = f"{BASE}/kanalen/{channel_id}/leveringen/{receipt.reference}"
    return web.Response(status=202, body=encode(models.Received(reference=receipt.reference)), content_type=JSON,
                        headers={"Location": location})


async def look(call: Call) -> models.Progress:
    channel_id = _own_channel(call)
    async with call.request.app[DATABASE].connection() as connection:
        found = await delivery.look(connection, channel_id, call.path("reference"))
    if found is None:
        raise Refusal(404, TITLES[404], "This channel has no delivery with this reference.")
    return models.Progress(reference=found.reference, received_at=found.received_at, state=found.state)


def _own_channel(call: Call) -> int:
    if call.holder.channel_id != int(call.path("id")):
        raise Refusal(403, TITLES[403], "This token is for another channel.")
    return call.holder.channel_id


def _check(raw: bytes, sent: message.Message) -> None:
    """Raise `Refusal` for what would not become a message."""
    if sent.empty:
        raise wrong("$", "give at least a text, a subject, fields or files")
    if len(sent.fields) > limits.FIELDS:
        raise Refusal(413, TITLES[413], f"Send at most {limits.FIELDS} fields.")
    body.check_files(raw, [one.content for one in sent.files])
    try:
        message.files(sent)
    except ValueError as error:
        raise wrong("$.files", f"{error}") from error
