"""The reply and the note: what staff write. A reply is queued in one transaction; the outbox sends it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from connectors import Attachment, Author, Capabilities
from connectors.length import addressed, counted
from newsroom import aside, message, triage
from newsroom.conversation import Conversation, change
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.message import Message
from newsroom.triage import By, Conflict, Wrong

HOLD = timedelta(seconds=8)  # a reply can be taken back this long
LONGEST_NOTE = 100_000  # characters
TOLD = ("called", "letter", "spoken")  # kinds of answers that were given without us
LONGEST_TOLD = 20_000  # characters of what a colleague says that they told
TOKEN_BYTES = 10  # of the signature in a reply address: 80 bits


@dataclass(frozen=True, slots=True)
class Composed:
    """What the composer hands over. `client_id` makes one click one reply. `then` is the state after it: `waiting`,
    `closed` (with `reason`) or empty. The subject is the content warning on a channel that knows those."""

    client_id: str
    text: str
    to: tuple[Author, ...] = ()
    cc: tuple[Author, ...] = ()
    bcc: tuple[Author, ...] = ()
    subject: str = ""
    attachments: tuple[Attachment, ...] = field(default=())
    last_seen: int | None = None  # the newest message the writer saw
    send_anyway: bool = False
    then: str = ""
    reason: int | None = None
    private: bool = False  # only for the resident, although anybody could read what they asked


@dataclass(frozen=True, slots=True)
class Via:
    """The channel a reply goes over: the conversation's own, or the mailbox that answers for a form. `domain` is
    for the ids we give, `secret` signs them, `kind` is the connector's name, `signature` stands under each reply."""

    channel_id: int
    mode: str
    can: Capabilities
    domain: str
    secret: bytes
    kind: str = ""
    signature: str = ""


async def answer(connection: Connection, row: Conversation, by: By, reply: Composed, via: Via) -> int:
    """Queue a reply; returns its message id. The same `client_id` again gives the first one's id.

    Raises `Wrong` for what the channel cannot carry and for a recipient who takes no part in the conversation,
    `Conflict` when a newer message came in that the writer has not seen.
    """
    known = await _known(connection, row, reply.client_id, reply.text)
    if known:
        return known
    _check(row, reply, via)
    await _read_first(connection, row, by, reply, via.can.live)
    to = await _recipients(connection, row, reply, via)
    _fits(reply, to, via)
    place = await aside.begin(connection, row, by, to[0], reply.text) if reply.private and row.public else row
    draft = await _queued(connection, row, by, replace(reply, to=to), via, place)
    await message.insert(connection, [draft])
    await message.attach(connection, [(draft.id, number, item) for number, item in enumerate(reply.attachments)])
    await expect(connection, place, draft, (*to, *reply.cc))
    if place is row:
        await _after(connection, row, by, reply, draft.id)
    else:
        await _after(connection, place, by, replace(reply, then="waiting"), draft.id)
        await _after_aside(connection, row, by, reply, place)
    return draft.id


async def told(connection: Connection, row: Conversation, by: By, reply: Composed, how: str) -> int:
    """A colleague called, spoke or wrote a letter: an answer that was given already. Returns its message id.

    Raises as `answer` does."""
    known = await _known(connection, row, reply.client_id, reply.text)
    if known:
        return known
    if how not in TOLD or not reply.text.strip():
        raise Wrong("wrong.empty" if how in TOLD else "wrong.action")
    if len(reply.text) > LONGEST_TOLD:
        raise Wrong("wrong.too_long", most=LONGEST_TOLD)
    if row.state in ("merged", "removed", "spam"):
        raise Conflict("conflict.state", state=row.state)
    await _read_first(connection, row, by, reply)
    id = (await message.reserve(connection, 1))[0]
    await message.insert(connection, [Message(
        id, row.id, row.channel_id, "out", by.at, kind=how, external_id=f"told:{id}", account_id=by.actor,
        body=reply.text.strip(), client_id=reply.client_id, send_state="sent", sent_at=by.at)])
    await _after(connection, row, by, reply, id)
    return id


async def note(connection: Connection, row: Conversation, by: By, text: str, client_id: str) -> int:
    """Add an internal note; returns its message id. Residents never see it."""
    known = await _known(connection, row, client_id, text)
    if known:
        return known
    if not text.strip():
        raise Wrong("wrong.empty")
    if len(text) > LONGEST_NOTE:
        raise Wrong("wrong.too_long", most=LONGEST_NOTE)
    id = (await message.reserve(connection, 1))[0]
    await message.insert(connection, [Message(id, row.id, row.channel_id, "note", by.at, account_id=by.actor,
                                              body=text.strip(), client_id=client_id, external_id=f"note:{id}")])
    after = replace(row, version=row.version + 1)
    await change(connection, row, after, Draft("noted", by.at, message_id=id, actor_id=by.actor, key=by.key))
    return id


async def cancel(connection: Connection, row: Conversation, by: By, message_id: int) -> bool:
    """Take a reply back while it is still held. False when it is on its way already."""
    # only while nobody has begun to send it
    done = await connection.fetchval("update message set send_state = 'cancelled' where id = $1 and"
                                     " conversation_id = $2 and send_state in ('queued', 'failed', 'unknown')"
                                     " returning true", message_id, row.id)
    if done:
        await _delivery_state(connection, row, by, message_id)
    return bool(done)


async def send_again(connection: Connection, row: Conversation, by: By, message_id: int) -> bool:
    """A person decides that a failed or uncertain reply goes out once more."""
    # back in the queue
    done = await connection.fetchval(
        "update message set send_state = 'queued', send_after = $3, send_note = '', unsure_since = null where id = $1"
        " and conversation_id = $2 and send_state in ('failed', 'unknown') returning true", message_id, row.id, by.at)
    if done:
        await _delivery_state(connection, replace(row, problem=""), by, message_id)
    return bool(done)


async def mark_sent(connection: Connection, row: Conversation, by: By, message_id: int) -> bool:
    """A person found out that an uncertain reply did arrive."""
    # the resident has it
    done = await connection.fetchval("update message set send_state = 'sent', sent_at = $3 where id = $1 and"
                                     " conversation_id = $2 and send_state = 'unknown' returning true",
                                     message_id, row.id, by.at)
    if done:
        await _delivery_state(connection, replace(row, problem=""), by, message_id)
    return bool(done)


def signed(text: str, signature: str) -> str:
    """A text with the channel's signature under it."""
    return f"{text}\n\n{signature}" if signature else text


def reply_token(reference: str, secret: bytes) -> str:
    """The signed token of a conversation's reply address: lower case, for mail servers that fold it."""
    sign = hmac.new(secret, b"reply:" + reference.encode(), hashlib.sha256).hexdigest()[:TOKEN_BYTES * 2]
    return f"{reference.lower()}-{sign}"


def read_token(token: str, secret: bytes) -> str | None:
    """The reference in a reply token, or None when it is not ours."""
    reference = token.partition("-")[0].upper()
    ours = reply_token(reference, secret).encode()  # as bytes: any letters may be in it
    return reference if hmac.compare_digest(ours, token.lower().encode()) else None


def proof_token(secret: bytes) -> str:
    """A token for a message to ourselves that proves a reply address: of no conversation, as references have no O."""
    return reply_token("PROOF" + secrets.token_hex(4).upper(), secret)


def is_proof(external_id: str, secret: bytes) -> bool:
    """Whether a message's id says that it is such a message of ours."""
    token = external_id.partition(".")[0]
    return token.startswith("proof") and read_token(token, secret) is not None


def _check(row: Conversation, reply: Composed, via: Via) -> None:
    can = via.can
    if not reply.text.strip():
        raise Wrong("wrong.empty")
    if via.mode == "reading":
        raise Wrong("wrong.reading_only")
    if not can.sends:
        raise Wrong("wrong.no_sending")
    if can.most_attachments is not None and len(reply.attachments) > can.most_attachments:
        raise Wrong("wrong.too_many_attachments", most=can.most_attachments)
    if reply.private and not can.private:
        raise Wrong("wrong.not_private")
    if can.attachment_types and any(item.type not in can.attachment_types for item in reply.attachments):
        raise Wrong("wrong.attachment_kind")
    if sum(len(item.content) for item in reply.attachments) > can.attachment_bytes:
        raise Wrong("wrong.attachments_too_large", most=can.attachment_bytes // 1_000_000)
    if row.state in ("merged", "removed", "spam"):
        raise Conflict("conflict.state", state=row.state)


def _fits(reply: Composed, to: Sequence[Author], via: Via) -> None:
    """Where handles count for their name only, a reply begins with them. A content warning and the signature count
    too."""
    can, text = via.can, signed(reply.text.strip(), via.signature)
    text = addressed(text, [person.address for person in to] if can.short_handles else ())
    if counted(text + (reply.subject if can.warning else ""), can) > can.longest_text:
        raise Wrong("wrong.too_long", most=can.longest_text)


async def _read_first(connection: Connection, row: Conversation, by: By, reply: Composed, live: bool = False) -> None:
    # whether the resident wrote, or a colleague answered, while this was typed; where people talk at the same time
    # only a colleague's line counts
    newer = await connection.fetchval(
        "select true from message where conversation_id = $1 and id > $2 and (direction = 'out' or not $3)"
        " and direction <> 'note' and (account_id is distinct from $4 or not $3) and kind <> 'transcript' limit 1",
        row.id, reply.last_seen or 0, live, by.actor)
    if newer and reply.last_seen is not None and not reply.send_anyway:
        raise Conflict("conflict.new_message")


async def _known(connection: Connection, row: Conversation, client_id: str, text: str) -> int | None:
    """The message this very click made before. Raises `Wrong` for another text under its key: taking that for the
    first one would lose it without a word."""
    if not client_id:
        raise Wrong("wrong.action")
    # one click, one message
    found = await connection.fetchrow(
        "select m.id, m.body, c.id = $2 or c.contact_id = $3 and c.public <> $4 as here from message m"
        " join conversation c on c.id = m.conversation_id where m.client_id = $1",
        client_id, row.id, row.contact_id, row.public)
    if found and (not found["here"] or found["body"] not in ("", text.strip())):
        raise Wrong("wrong.action")
    return found["id"] if found else None


async def _recipients(connection: Connection, row: Conversation, reply: Composed, via: Via) -> tuple[Author, ...]:
    # who takes part
    rows = await connection.fetch("select kind, address, name from participant where conversation_id = $1"
                                  " order by kind, address", row.id)
    known = [Author(*person) for person in rows]
    to = reply.to or await _answered(connection, row, via) or tuple(known)
    if via.can.copies:  # a mailbox writes to no telephone
        to = tuple(person for person in to if person.kind != "phone")
    if not to or not reply.to and len(to) > 1:  # never a guess who of them
        raise Wrong("wrong.no_recipient")
    strangers = {(person.kind, person.address) for person in to} - {(person.kind, person.address) for person in known}
    if strangers and not via.can.copies:
        raise Wrong("wrong.recipient")
    return to


async def _answered(connection: Connection, row: Conversation, via: Via) -> tuple[Author, ...]:
    """Where an answer is not addressed, it goes to whoever wrote last; in a live chat to whoever wrote there last."""
    if via.can.copies:
        return ()
    # who is answered
    found = await connection.fetchrow(
        "select author_kind, author_address, author_name from message where conversation_id = $1 and direction = 'in'"
        " and author_address <> '' and (author_kind = $2 or not $3) order by at desc, external_id desc limit 1",
        row.id, via.kind, via.can.live)
    return (Author(*found),) if found else ()


async def _queued(connection: Connection, row: Conversation, by: By, reply: Composed, via: Via,
                  place: Conversation) -> Message:
    """The reply to `row`, which stands in `place`."""
    # the messages this reply stands under, oldest first
    chain = await connection.fetch(
        "select external_id, subject from message where conversation_id = $1 and direction in ('in', 'out')"
        " and external_id <> '' and kind <> 'bounce' and send_state not in ('cancelled', 'failed')"
        " order by at, external_id", row.id)
    id = (await message.reserve(connection, 1))[0]
    subject = reply.subject
    if not via.can.warning:  # which is only ever what its writer made of it
        subject = subject or next((c["subject"] for c in chain if c["subject"]), "") or row.subject
        subject = subject if not subject or subject.lower().startswith("re:") else f"Re: {subject}"
    return Message(
        id, place.id, via.channel_id, "out", by.at, external_id=own_id(place, via), account_id=by.actor,
        public=place.public,
        recipients=message.recipients_of(reply.to, reply.cc, reply.bcc), subject=subject[:via.can.longest_subject],
        body=reply.text.strip(), answers_to=[c["external_id"] for c in chain][-50:], client_id=reply.client_id,
        send_state="queued", send_after=by.at if via.can.live else by.at + HOLD)


def own_id(row: Conversation, via: Via) -> str:
    """Our own id of a message, signed: nobody can guess it, so a reply that names it is a reply to us."""
    return f"{reply_token(row.reference, via.secret)}.{secrets.token_hex(8)}@{via.domain}"


async def expect(connection: Connection, row: Conversation, draft: Message, people: Sequence[Author]) -> None:
    """An answer to this message of ours, by any of these people, joins this conversation."""
    # for each of its references, by each of its recipients
    await connection.executemany(
        "insert into thread_key (channel_id, reference, party, conversation_id) values ($1, $2, $3, $4)"
        " on conflict do nothing",
        [(draft.channel_id, message.thread_reference(reference, draft.public), f"{person.kind}:{person.address}",
          row.id) for person in people for reference in (draft.external_id, *draft.answers_to)])
    await connection.executemany(
        # whoever we write to takes part
        "insert into participant (conversation_id, kind, address, name) values ($1, $2, $3, $4)"
        " on conflict do nothing", [(row.id, person.kind, person.address, person.name) for person in people])


async def _after(connection: Connection, row: Conversation, by: By, reply: Composed, message_id: int) -> None:
    after = replace(_given(row, by, reply), last_at=by.at, last_message_id=message_id)
    await change(connection, row, after, Draft("answered", by.at, message_id=message_id, actor_id=by.actor,
                                               key=by.key))
    if reply.then == "closed":
        await triage.close(connection, after, by, reply.reason or 0, message_id)


async def _after_aside(connection: Connection, row: Conversation, by: By, reply: Composed, place: Conversation) -> None:
    """What anybody can read is answered too, and says where it goes on."""
    after = _given(row, by, reply)
    await change(connection, row, after, Draft("answered_privately", by.at, actor_id=by.actor, key=by.key,
                                               data={"reference": place.reference}))
    if reply.then == "closed":
        await triage.close(connection, after, by, reply.reason or 0, row.last_message_id)


def _given(row: Conversation, by: By, reply: Composed) -> Conversation:
    state = "waiting" if reply.then == "waiting" else "open" if row.state in ("new", "closed") else row.state
    return replace(row, state=state, assignee_id=row.assignee_id or by.actor, unread=0, waiting_since=None,
                   due_at=None, soon_at=None, lateness=0, answered_at=row.answered_at or by.at, problem="",
                   closed_at=None, close_reason_id=None, close_note="", version=row.version + 1)


async def _delivery_state(connection: Connection, row: Conversation, by: By, message_id: int) -> None:
    after = replace(row, version=row.version + 1)
    await change(connection, row, after, Draft("delivery_state", by.at, message_id=message_id, actor_id=by.actor,
                                               key=by.key))


