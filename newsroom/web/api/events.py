"""Gebeurtenissen: what happened since a position, as the token's account saw it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from newsroom import event
from newsroom.event import Seen
from newsroom.web.api import models
from newsroom.web.api.conversations import LATENESS, PRIORITY
from newsroom.web.api.frame import Call, Operation, encode, serve, wrong
from newsroom.web.keys import DATABASE
from newsroom.web.problem import Refusal
from newsroom.web.routes import Routes

POSITION = re.compile(r"(?P<epoch>[0-9a-f]{1,20})\.(?P<id>[0-9]{1,18})")


def routes(add: Routes) -> None:
    serve(add, "GET", "/gebeurtenissen", Operation(
        "events", "What happened since a position", since, "events", models.Events, models.EventQuery,
        problems=(400, 401, 403, 410, 503)))


async def since(call: Call) -> models.Events:
    asked = POSITION.fullmatch(call.query.position)
    if call.query.position and not asked:
        raise wrong("position", "is not a position that an answer gave")
    classes = call.sight.classes
    # the scope stands in the query: what is gone from sight is told too, and the wall would hide that
    async with call.request.app[DATABASE].snapshot() as connection:
        epoch, head = await event.position(connection)
        if asked and asked["epoch"] != epoch:
            raise Refusal(410, "Position of another time", "A backup was restored since. Read everything again, and go "
                          "on from the position that an answer without a position gives.")
        after = int(asked["id"]) if asked else head
        found = await event.seen_since(connection, classes, after, call.query.limit + 1)
    shown = found[:call.query.limit]
    more = len(found) > len(shown)
    return models.Events(results=[_model(one, epoch, classes) for one in shown], more=more,
                         position=f"{epoch}.{shown[-1].event.id if more else max(head, after)}")


def batch(found: Sequence[Seen], epoch: str, classes: frozenset[str], end: int) -> bytes:
    """What an outgoing webhook says: events as the API gives them."""
    return encode(models.Events(results=[_model(one, epoch, classes) for one in found], position=f"{epoch}.{end}",
                                more=False))


def _model(seen: Seen, epoch: str, classes: frozenset[str]) -> models.Event:
    one = seen.event
    gone = one.after is None or one.after["class"] not in classes
    return models.Event(position=f"{epoch}.{one.id}", at=one.at, kind="gone" if gone else one.kind,
                        conversation=seen.reference, message=None if gone else one.message_id,
                        actor=None if gone else one.actor_id, before=_facets(one.before, classes),
                        after=_facets(one.after, classes))


def _facets(found: Mapping[str, Any] | None, classes: frozenset[str]) -> models.Facets | None:
    if found is None or found["class"] not in classes:
        return None
    return models.Facets(state=found["state"], team=found["team"], assignee=found["assignee"], channel=found["channel"],
                         priority=PRIORITY[found["priority"]], labels=found["labels"],
                         lateness=LATENESS[found["lateness"]])
