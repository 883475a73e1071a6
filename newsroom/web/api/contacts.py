"""Contacten: who wrote, as far as a conversation of theirs may be seen. Each look is in the log."""

from __future__ import annotations

from newsroom import audit, contact
from newsroom.conversation import NotFound
from newsroom.database import Connection
from newsroom.web.api import models
from newsroom.web.api.conversations import following
from newsroom.web.api.frame import Call, Operation, serve
from newsroom.web.keys import ADDRESS, now
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    serve(add, "GET", "/contacten", Operation("contacts", "List contacts", show_all, "contacts", models.Contacts,
                                              models.IdQuery))
    serve(add, "GET", r"/contacten/{id:\d{1,15}}", Operation(
        "contact", "One contact", show, "contacts", models.Contact, problems=(400, 401, 403, 404, 503)))


async def show_all(call: Call) -> models.Contacts:
    classes = call.sight.classes
    async with call.database.transaction() as connection:
        rows = await contact.page(connection, classes, call.query.after, call.query.limit + 1)
        shown = [await _model(connection, call, row) for row in rows[:call.query.limit]]
    return models.Contacts(results=shown, next=following(call, str(shown[-1].id)) if len(rows) > len(shown) else None)


async def show(call: Call) -> models.Contact:
    async with call.database.transaction() as connection:
        rows = await contact.page(connection, call.sight.classes, int(call.path("id")) - 1, 1)
        if not rows or rows[0].id != int(call.path("id")):
            raise NotFound
        return await _model(connection, call, rows[0])


async def _model(connection: Connection, call: Call, row: contact.Contact) -> models.Contact:
    known = await contact.identities(connection, row.id)
    history = await contact.conversations(connection, row.id, sorted(call.sight.classes))
    await audit.record(connection, "address_shown", call.holder.account_id, call.request[ADDRESS], now(call.request),
                       contact=row.id, token=call.holder.id)
    return models.Contact(id=row.id, name=row.name, created_at=row.created_at,
                          identities=[models.Person(kind=one["kind"], address=one["address"], name=one["name"])
                                      for one in known],
                          conversations=[one["reference"] for one in history])
