"""The aside: what was asked in public is answered in private, in a conversation of its own.

So what a resident tells us about themselves never stands in a thread that anybody can read, and the other way round.
"""

from __future__ import annotations

from connectors import Author
from newsroom import access, conversation, delivery
from newsroom.conversation import EXCERPT, Conversation, facets
from newsroom.database import Connection, take_wall_down
from newsroom.event import Draft, record
from newsroom.triage import By


async def begin(connection: Connection, row: Conversation, by: By, person: Author, text: str) -> Conversation:
    """The private conversation with this resident over the same channel, behind the same wall: the one that is open
    already, or a new one that says which public one it follows, and begins with our `text`: what the resident said in
    public stays where they can delete it."""
    await take_wall_down(connection)  # what is sealed here has readers of its own
    id = await connection.fetchval(
        # where we talk already
        "select c.id from conversation c join participant p on p.conversation_id = c.id where p.kind = $1"
        " and p.address = $2 and c.channel_id = $3 and not c.public"
        " and (c.visibility = $4 or c.sealed and c.follows = $5)"
        " and c.state in ('new', 'open', 'department', 'waiting') order by c.last_at desc, c.id limit 1",
        person.kind, person.address, row.channel_id, row.visibility, row.id)
    if id is not None:
        return (await conversation.lock(connection, [id]))[id]
    id = (await conversation.reserve(connection, 1))[0]
    made = Conversation(
        id, delivery.new_reference(), row.channel_id, by.at, by.at, state="open",
        team_id=row.team_id, assignee_id=row.assignee_id or by.actor, priority=row.priority, labels=row.labels,
        sealed=row.sealed, contact_id=row.contact_id, author=row.author, follows=row.id,
        excerpt=" ".join(text.split())[:EXCERPT],
        visibility=access.visibility(id, row.team_id, row.visibility.startswith("team:"), row.sealed))
    await conversation.insert(connection, [made])
    # who may see the one may see the other
    await connection.execute("insert into conversation_reader (conversation_id, account_id) select $2, account_id"
                             " from conversation_reader where conversation_id = $1", row.id, id)
    await record(connection, [Draft("begun", by.at, id, actor_id=by.actor, after=facets(made))])
    return made
