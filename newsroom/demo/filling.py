"""Filling in the weeks before: deliveries take the real road in batches, and what colleagues did is written in batches
too, as the verbs would have: the same rows, the same events, at their own moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from secrets import token_bytes, token_hex
from typing import Any

from connectors import Delivery
from newsroom import conversation, delivery, message
from newsroom.chat import ADDRESS_BYTES
from newsroom.conversation import Conversation, facets
from newsroom.database import Connection
from newsroom.demo.letter import TOPICS, Letter
from newsroom.demo.past import Past
from newsroom.demo.source import author_of, hand_over, new_post_id
from newsroom.demo.town import DOMAIN, TOLD, Town
from newsroom.event import Draft, record
from newsroom.inscription import give_keys
from newsroom.intake import Intake
from newsroom.message import Message
from newsroom.reply import reply_token

BATCH = 100  # conversations written together
LABELS = {"afval": "Afval", "straat": "Straat en stoep", "parkeren": "Parkeren", "paspoort": "Paspoort en rijbewijs",
          "verhuizen": "Verhuizen", "belastingen": "Belastingen", "groen": "Groen", "verlichting": "Verlichting",
          "inkomen": "Werk en inkomen", "zorg": "Zorg", "bouwen": "Bouwen", "evenementen": "Evenementen",
          "verkeer": "Verkeer", "overlast": "Overlast", "bestuur": "Bestuur"}
KINDS = {"klacht": "Klacht", "compliment": "Compliment"}
WALLED = {"zorg": "wmo"}  # a subject and the restricted team that has it


@dataclass(slots=True)
class Written:
    """What a batch adds."""

    rows: list[Conversation] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    keys: list[tuple[tuple[int, str, str], int]] = field(default_factory=list)


async def fill(connection: Connection, intake: Intake, town: Town, secret: bytes, clock: Any, weeks: Sequence[Past],
               tell: Callable[[float], None]) -> int:
    """Write `weeks`, oldest first, on one connection; `tell` hears how far it is, 0 to 1. Returns how many."""
    for start in range(0, len(weeks), BATCH):
        batch = weeks[start:start + BATCH]
        clock.at = batch[-1].at
        items = [(town.channels[one.via], _delivery(f"demo/past/{start + n}", one, town))
                 for n, one in enumerate(batch)]
        await _visits(connection, batch, town)
        receipts = await delivery.store(connection, items)
        while await intake.step(slow=False):
            pass
        await _work(connection, town, secret, dict(zip([one.id for one in receipts], batch, strict=True)))
        tell(min(1.0, (start + BATCH) / len(weeks)))
    return len(weeks)


def _delivery(key: str, one: Past, town: Town) -> Delivery:
    """As the source of its channel would hand it over."""
    return hand_over(town.kinds[one.via], key, _letter(one, town), town.addresses[one.via], one.at,
                     town.form)


def _letter(one: Past, town: Town) -> Letter:
    address = _visit(one) if town.kinds[one.via] == "chat" else one.address
    return Letter(one.name, address, one.subject, one.text, phone=one.phone, by=town.names[one.worker],
                  topic=TOPICS.get(one.about, ""))


async def _visits(connection: Connection, batch: Sequence[Past], town: Town) -> None:
    """The chats: their visitors are gone, and what opened them was never known."""
    # each visit in its own right, as if its visitor closed it
    await connection.executemany(
        "insert into chat (channel_id, address, token_hash, name, language, begun_at, seen_at, away_at, ended_at)"
        " values ($1, $2, $3, $4, 'nl', $5, $6, $6, $6)",
        [(town.channels[one.via], _visit(one), token_bytes(32), one.name, one.at, one.answered)
         for one in batch if town.kinds[one.via] == "chat"])


def _visit(one: Past) -> str:
    """The address of a chat: another one each time."""
    return sha256(f"{one.address}/{one.at}".encode()).hexdigest()[:2 * ADDRESS_BYTES]


async def _work(connection: Connection, town: Town, secret: bytes, by_delivery: dict[int, Past]) -> None:
    # where each went
    came = await connection.fetch("select delivery_id, conversation_id, external_id from message"
                                  " where delivery_id = any($1::bigint[]) order by delivery_id", list(by_delivery))
    # a batch is read at one moment; what came in has its own, at which nothing is late
    await connection.execute("update event_draft set at = m.at, after = event_draft.after || '{\"lateness\": 0}'"
                             " from message m where m.id = event_draft.message_id and event_draft.kind = 'received'"
                             " and m.delivery_id = any($1::bigint[])", list(by_delivery))
    rows = await conversation.lock(connection, [row["conversation_id"] for row in came])
    ids = iter(await message.reserve(connection, len(came)))
    written = Written()
    for row in came:
        _close(rows[row["conversation_id"]], by_delivery[row["delivery_id"]], row["external_id"], town, secret,
               next(ids), written)
    await message.insert(connection, written.messages)
    await give_keys(connection, written.keys)
    await conversation.save(connection, written.rows)
    await record(connection, sorted(written.drafts, key=lambda draft: draft.at))


def _close(row: Conversation, one: Past, question: str, town: Town, secret: bytes, id: int, written: Written) -> None:
    """Taken, perhaps asked, answered and closed, with the events of each step."""
    worker, labels = town.people[one.worker], [LABELS[one.about], *([KINDS[one.kind]] if one.kind in KINDS else [])]
    team = town.teams[WALLED[one.about]] if one.about in WALLED else row.team_id
    placed = {"labels": sorted(town.labels[name] for name in labels), "team": team,
              "class": f"team:{team}" if one.about in WALLED else row.visibility}
    steps = [("labelled", one.claimed, town.people["sanne"], placed),
             ("claimed", one.claimed, worker, {"assignee": worker, "state": "open"})]
    if one.asked:
        steps.append(("department_asked", one.asked, worker, {"state": "department"}))
    for kind, at, lateness in (("almost_late", row.soon_at, 1), ("late", row.due_at, 2)):
        if at is not None and row.created_at < at < one.answered:  # as the timer would have written it
            steps.append((kind, at, None, {"lateness": lateness}))
    steps.sort(key=lambda step: step[1])
    if one.answer:
        steps.append(("answered", one.answered, worker, {"state": "open", "lateness": 0}))
    steps.append(("closed", one.answered, worker, {"state": "closed", "lateness": 0}))
    before = facets(row) | {"lateness": 0}
    for kind, at, actor, changed in steps:
        after = before | changed
        written.drafts.append(Draft(kind, at, row.id, id if kind == "answered" else None, actor, before, after))
        before = after
    end = replace(row, labels=placed["labels"], team_id=team, visibility=placed["class"], assignee_id=worker,
                  state="closed", unread=0, waiting_since=None, due_at=None, soon_at=None, lateness=0,
                  closed_at=one.answered, close_reason_id=town.reasons[one.reason], version=row.version + len(steps))
    if one.answer:
        end = replace(end, answered_at=one.answered, last_at=one.answered, last_message_id=id)
        _answer(end, one, question, town, secret, id, written)
    written.rows.append(end)


def _answer(row: Conversation, one: Past, question: str, town: Town, secret: bytes, id: int, written: Written) -> None:
    kind = town.kinds[one.via]
    via = town.channels[one.via if kind == "chat" else town.answers_with[one.via]]
    if kind == "desk":  # told, as the verb does: nothing is sent
        written.messages.append(Message(
            id, row.id, via, "out", one.answered, kind=TOLD[one.via], external_id=f"told:{id}",
            account_id=row.assignee_id, body=one.answer, client_id=f"demo-past-{id}", send_state="sent",
            sent_at=one.answered))
        return
    who = author_of(kind, _letter(one, town))
    external = new_post_id(one.answered, question) if kind == "mastodon" else \
        f"{reply_token(row.reference, secret)}.{token_hex(8)}@{DOMAIN}"
    written.messages.append(Message(
        id, row.id, via, "out", one.answered, external_id=external, account_id=row.assignee_id,
        recipients=message.recipients_of([who]), subject="" if kind in ("mastodon", "chat") else f"Re: {one.subject}",
        body=one.answer, answers_to=[question], client_id=f"demo-past-{id}", send_state="sent",
        sent_at=one.answered, public=row.public))
    written.keys += [((via, message.thread_reference(reference, row.public), f"{who.kind}:{who.address}"), row.id)
                     for reference in (external, question)]
