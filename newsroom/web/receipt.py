"""The entrances for programs: a delivery is answered 202 with its reference, after it is committed.

Every error is `application/problem+json` (RFC 9457). The same Idempotency-Key with the same bytes gets the same
answer; with other bytes 409, for the caller still has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from aiohttp import web

from connectors import Delivery, DeliveryKey, NotAccepted, NotVerified, SignInNeeded, Verifier
from connectors.web_form import WebForm, message, registration
from newsroom import delivery
from newsroom.api_token import Tokens
from newsroom.channel import NoChannel
from newsroom.web import body, limits
from newsroom.web.errors import RETRY_SECONDS, is_database_gone
from newsroom.web.keys import CONNECTOR, DATABASE, WRITER, log, now
from newsroom.web.routes import Routes

KEY = re.compile(rf"[\x21-\x7e]{{1,{limits.KEY_CHARACTERS}}}")
JSON = "application/json"
META: Mapping[str, str] = {}


class Refusal(Exception):
    """An answer that says what is wrong, in English: programmers read it."""

    def __init__(self, status: int, title: str, detail: str, **headers: str):
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers


def routes(add: Routes) -> None:
    entrance = Entrance()
    path = r"/api/v1/kanalen/{id:\d{1,9}}/leveringen"
    add.page("POST", path, entrance.deliver, "machine", name="api_deliver")
    add.page("GET", path + "/{reference}", entrance.look, "machine", name="api_delivery")
    add.page("POST", r"/ontvangst/{id:\d{1,9}}", receive, "machine", name="receive")
    add.page("POST", r"/ontvangst/{id:\d{1,9}}/open-formulieren", receive, "machine")  # it puts a path after a root


class Entrance:
    """Deliveries as JSON, with a token of the channel."""

    def __init__(self) -> None:
        self._tokens: Tokens | None = None

    async def deliver(self, request: web.Request) -> web.Response:
        """POST a message; see connectors/web_form/message.py for its keys."""
        try:
            channel_id = await self._authorised(request)
            key = request.headers.get("Idempotency-Key", "")
            if not KEY.fullmatch(key):
                raise Refusal(400, "Idempotency-Key missing", "Send a header Idempotency-Key of 1 to "
                              f"{limits.KEY_CHARACTERS} printable characters, equal on every try of one message.")
            if request.content_type != JSON:
                raise Refusal(415, "Not JSON", f"Send Content-Type: {JSON}.")
            raw = await body.read(request, limits.BODY_BYTES)
            check(raw)
            item = Delivery(DeliveryKey(key), raw, now(request), JSON, META)
            receipt = await request.app[WRITER].put(channel_id, item)
            if receipt.differs:
                raise Refusal(409, "Key used before", "Another message was received with this Idempotency-Key. "
                              "Send a new key for a new message.")
            return _accepted(request, channel_id, receipt.reference)
        except Exception as error:
            return refuse(request, error)

    async def look(self, request: web.Request) -> web.Response:
        """How far a delivery is: received, read, or shown to staff as it came because it could not be read."""
        try:
            channel_id = await self._authorised(request)
            async with request.app[DATABASE].connection() as connection:
                found = await delivery.look(connection, channel_id, request.match_info["reference"])
            if found is None:
                raise Refusal(404, "Unknown reference", "This channel has no delivery with this reference.")
            return web.json_response(found)
        except Exception as error:
            return refuse(request, error)

    async def _authorised(self, request: web.Request) -> int:
        if self._tokens is None:
            self._tokens = Tokens(request.app[DATABASE])
        channel_id = await self._tokens.channel(request.headers.get("Authorization", ""))
        if channel_id is None:
            raise Refusal(401, "No valid token", "Send Authorization: Bearer with a token of this channel.",
                          **{"WWW-Authenticate": "Bearer"})
        if channel_id != int(request.match_info["id"]):
            raise Refusal(403, "Token of another channel", "This token is for another channel.")
        return channel_id


def check(raw: bytes) -> None:
    """Raise `Refusal` for what would not become a message."""
    try:
        sent = message.decode(raw)
    except msgspec.ValidationError as error:
        raise Refusal(422, "Not a message", f"{error}.") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refusal(400, "Not JSON", "The body cannot be read as JSON in UTF-8.") from error
    if sent.empty:
        raise Refusal(422, "Empty message", "Give at least a text, a subject, fields or files.")
    if len(sent.fields) > limits.FIELDS:
        raise Refusal(413, "Too many fields", f"Send at most {limits.FIELDS} fields.")
    if sent.files:
        _check_files(raw, [one.content for one in sent.files])
        try:
            message.files(sent)
        except ValueError as error:
            raise Refusal(422, "Not base64", f"{error}.") from error
    elif len(raw) > limits.JSON_BYTES:
        raise _too_large("text", limits.JSON_BYTES)


async def receive(request: web.Request) -> web.Response:
    """POST to a channel that is pushed to: its connector checks the signature and says what the delivery is. With other
    bytes under a key that is here already both are kept, unless the connector knows them to be the same message."""
    try:
        channel_id = int(request.match_info["id"])
        connector = await request.app[CONNECTOR](channel_id)
        if not isinstance(connector, Verifier):
            raise NoChannel(channel_id)
        raw = await body.read(request, limits.BODY_BYTES)
        item = connector.verify(request.headers, raw, now(request))
        if isinstance(connector, WebForm):
            _check_files(raw, registration.files(raw))
        receipt = await request.app[WRITER].put(channel_id, item)
        if receipt.differs and not (isinstance(connector, WebForm) and await _tried_again(request, item, receipt)):
            receipt = await request.app[WRITER].put(channel_id, delivery.under_own_key(item))
        return web.json_response({"reference": receipt.reference})
    except Exception as error:
        return refuse(request, error)


async def _tried_again(request: web.Request, item: Delivery, first: delivery.Receipt) -> bool:
    """Open Formulieren tries again with the same reference and a new time in it: the values decide."""
    async with request.app[DATABASE].connection() as connection:
        known = await delivery.original(connection, first.id, 0, limits.BODY_BYTES)
    return registration.same(known, item.body)


def _check_files(raw: bytes, contents: list[str]) -> None:
    if len(contents) > limits.FILES:
        raise Refusal(413, "Too many files", f"Send at most {limits.FILES} files.")
    packed = sum(map(len, contents))
    if sum(len(one) // 4 * 3 - one[-2:].count("=") for one in contents) > limits.FILES_BYTES:
        raise _too_large("files", limits.FILES_BYTES)
    if len(raw) - packed > limits.JSON_BYTES:
        raise _too_large("text", limits.JSON_BYTES)


def _too_large(what: str, most: int) -> Refusal:
    return Refusal(413, "Too large", f"The {what} may be at most {most} bytes.")


def _accepted(request: web.Request, channel_id: int, reference: str) -> web.Response:
    location = f"/api/v1/kanalen/{channel_id}/leveringen/{reference}"
    return web.Response(status=202, body=b'{"reference":"%s"}' % reference.encode(),
                        headers={"Content-Type": JSON, "Location": location})


def refuse(request: web.Request, error: Exception) -> web.Response:
    """The answer to an error. Raises what is not ours to explain."""
    match error:
        case Refusal():
            found = error
        case NotVerified():
            found = Refusal(401, "Not verified", "The key or signature is missing, wrong or too old.")
        case NotAccepted():
            found = Refusal(422, "Not a message", f"{error}.")
        case NoChannel() | SignInNeeded():
            found = Refusal(404, "No such channel", "There is no such channel, or it is not set up.")
        case web.HTTPRequestEntityTooLarge():
            found = _too_large("body", limits.BODY_BYTES)
        case _ if is_database_gone(error):
            log.error("database unreachable", error=type(error).__name__)
            found = Refusal(503, "Try again", "Nothing was stored. Try again with the same key.",
                            **{"Retry-After": str(RETRY_SECONDS)})
        case _:
            raise error
    return web.json_response({"type": "about:blank", "title": found.title, "status": found.status,
                              "detail": found.detail}, status=found.status, headers=found.headers,
                             content_type="application/problem+json")
