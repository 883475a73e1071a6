"""The entrance of channels that are pushed to: the source is answered after its delivery is committed."""

from __future__ import annotations

from aiohttp import web

from connectors import Delivery, Verifier
from connectors.web_form import WebForm, registration
from newsroom import delivery
from newsroom.channel import NoChannel
from newsroom.web import body, limits
from newsroom.web.keys import CONNECTOR, DATABASE, WRITER, now
from newsroom.web.problem import refuse
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    add.page("POST", r"/ontvangst/{id:\d{1,9}}", receive, "machine", name="receive")
    add.page("POST", r"/ontvangst/{id:\d{1,9}}/open-formulieren", receive, "machine")  # it puts a path after a root


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
            body.check_files(raw, registration.files(raw))
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
