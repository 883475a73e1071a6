"""What the sources of every connector hand over, as each of them does it: threads, changes, doubles, copies, colleagues
who answer elsewhere, and what nobody can read, in one stream. All people are invented."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from connectors import Connector, Delivery, DeliveryKey, chat, connectors, desk
from connectors.contract import payloads
from connectors.mastodon import gather
from connectors.mastodon.parse import CONTENT_TYPE, post_id
from connectors.web_form import FORM, submission
from connectors.webhook import JSON, Event, Person
from newsroom import nightly
from newsroom.database import Database
from newsroom.demo import post
from tests.house import START, add_channel

FAMILIES = ("email", "web_form", "chat", "mastodon", "webhook", "desk")
CHANNELS = {"email": "info@voorbeeldstad.example", "second": "twee@voorbeeldstad.example",
            **dict.fromkeys(FAMILIES[1:], "")}
PEOPLE = ("anna", "ben", "eve")
HOME = {"server": "sociaal.voorbeeldstad.example", "domain": "voorbeeldstad.example", "account": "1"}
CONVERSATIONS = """
select id, channel_id, state, subject, excerpt, author, unread, waiting_since, created_at, last_at, public, problem,
  visibility, array(select p.kind || ':' || p.address from participant p where p.conversation_id = c.id order by 1)
  as people
from conversation c where state <> 'merged'"""
MESSAGES = """
select conversation_id, channel_id, direction, kind, external_id, at,
  public, subject, body, quoted, html, details, problems, auto_reply, answers_to, author_address, author_name,
  recipients, removed_at is not null as gone, edited_at, earlier,
  array(select name || a.place from attachment a where a.message_id = m.id order by place) as files
from message m"""
SAID = """
select c.kind, case when d.key like '%/nonsense/%' then d.key else external_id end as id, removed_at is not null as gone
from message m join channel c on c.id = m.channel_id join delivery d on d.id = m.delivery_id
where d.key not like 'captured/%' order by 1, 2"""
ARRIVED_OTHER_THAN_ONCE = """
select m.id from message m left join event e on e.message_id = m.id
  and e.kind in ('received', 'unreadable', 'answered_elsewhere')
group by m.id having count(e.id) <> 1"""
STEP = timedelta(minutes=1)  # between two things that are said


@dataclass
class Stream:
    """Deliveries as they came, each with its channel. `said` has what must be there in the end, by kind of channel and
    the source's own id: each of them is one message. `gone` has those of them that their writers deleted."""

    dice: random.Random
    channels: dict[str, int]
    deliveries: list[tuple[int, Delivery]] = field(default_factory=list)
    said: set[tuple[str, str]] = field(default_factory=set)
    gone: set[tuple[str, str]] = field(default_factory=set)
    known: dict[str, list[str]] = field(default_factory=dict)  # ids that can be answered, by family

    def add(self, channel: str, key: str, body: bytes, at: datetime, type: str = "", **meta: str) -> None:
        """One delivery; the source gives some of them twice."""
        item = Delivery(DeliveryKey(key), body, at + timedelta(seconds=2), type or JSON, meta)
        self.deliveries += [(self.channels[channel], item)] * (2 if self.chance(0.1) else 1)

    def chance(self, of: float) -> bool:
        return self.dice.random() < of

    def answered(self, family: str, id: str, most: int = 1) -> list[str]:
        """Which earlier ones this answers. From now on it can be answered too, and so can one that nobody ever saw."""
        ids = self.known.setdefault(family, [])
        found = self.dice.sample(ids, min(len(ids), self.dice.choice([0, 1, 1, most])))
        ids += [id, f"unseen-{id}"] if self.chance(0.15) else [id]
        return found


async def add_channels(db: Database) -> dict[str, int]:
    """A channel of each family, and a second mailbox."""
    return {name: await add_channel(db, name, address, kind="email" if name == "second" else name)
            for name, address in CHANNELS.items()}


def mixed(dice: random.Random, channels: dict[str, int], rounds: int, captured: int = 0) -> Stream:
    """In each round every family says something; `captured` payloads of each connector are among it."""
    stream = Stream(dice, channels)
    for number in range(rounds):
        at = START + number * STEP
        for family in FAMILIES:
            (_nonsense if number % 12 == 11 else SPEAKS[family])(stream, family, number, at)
    for family in FAMILIES:
        _capture(stream, family, captured)
    return stream


async def state(db: Database) -> list[dict[str, Any]]:
    """All that deliveries alone decide: who is with whom, what was said and when, and how each card looks, not
    the ids and references that the house draws."""
    async with db.connection() as connection:
        rows = await connection.fetch(CONVERSATIONS)
        said = await connection.fetch(MESSAGES)
    messages: dict[int, list[dict[str, Any]]] = {}
    for row in said:
        messages.setdefault(row["conversation_id"], []).append({**dict(row), "conversation_id": None})
    found = [{**dict(row), "id": None, "messages": sorted(messages.get(row["id"], []), key=repr)} for row in rows]
    return sorted(found, key=repr)


async def check(db: Database, stream: Stream) -> None:
    """What was said is there, once: nothing lost, nothing doubled, nothing private among what anybody can read."""
    async with db.snapshot() as connection:
        found = [tuple(row) for row in await connection.fetch(SAID)]
        assert [] == await nightly.find(connection, stream.deliveries[-1][1].received_at)
        assert 0 == await connection.fetchval("select count(*) from message m join conversation c"
                                              " on c.id = m.conversation_id where m.public <> c.public")
        assert [] == await connection.fetch(ARRIVED_OTHER_THAN_ONCE)
    assert sorted(stream.said) == [one[:2] for one in found]
    assert stream.gone == {one[:2] for one in found if one[2]}


def here() -> dict[str, type[Connector]]:
    """The real connectors, but what is hostile is read in this process: no child has to start."""
    return {name: type(name, (kind,), {"hostile_input": False}) for name, kind in connectors().items()}


def _mail(stream: Stream, family: str, number: int, at: datetime) -> None:
    """To one of our mailboxes or to both; or what a colleague answered from Outlook; sometimes renumbered."""
    who, out = stream.dice.choice(PEOPLE), stream.chance(0.15)
    id, own = f"m{number}@{'voorbeeldstad' if out else 'post'}.example", CHANNELS["email"]
    answers = stream.answered(family, id, 2)
    places = ["email"] if out else stream.dice.choice([["email"], ["second"], ["email", "second"]])
    sender, to = f"{who}@post.example", ", ".join(CHANNELS[place] for place in places)
    made = post.mail(f"m{number}", *((own, sender) if out else (sender, to)), "Afval", f"Tekst van {id}", at,
                     references=answers)
    numbers = ["1699", "1700"] if stream.chance(0.1) else ["1699"]
    for place, validity in ((place, validity) for place in places for validity in numbers):
        stream.add(place, f"INBOX/{validity}/{number}", made.body, at, "message/rfc822", own=CHANNELS[place],
                   **({"sent": "1"} if out else {}))
    stream.said.add((family, id))


def _form(stream: Stream, family: str, number: int, at: datetime) -> None:
    """Our own form, or what another program posts."""
    key, who, text = f"form-{number}", stream.dice.choice(PEOPLE), f"Vraag {number}"
    if stream.chance(0.5):
        said = {"text": text, "name": who.title(), "email": f"{who}@post.example"}
        body = submission.body("vraag", "Stel uw vraag", 1, "nl", [
            submission.Answer(role, role.title(), value, role) for role, value in said.items()], ())
        stream.add(family, key, body, at, submission.CONTENT_TYPE, source=FORM)
    else:
        stream.add(family, key, msgspec.json.encode({"text": text, "email": f"{who}@post.example"}), at)
    stream.said.add((family, key))


def _line(stream: Stream, family: str, number: int, at: datetime) -> None:
    """A line of an open chat, or what was left while it was closed."""
    who, line = stream.dice.choice(PEOPLE), f"line{number}"
    left = stream.chance(0.2)
    visit = f"left-{number}" if left else f"visit-{who}"
    about = {"source": chat.LEFT, "email": f"{who}@post.example"} if left else {"name": who.title()}
    files = [("a.txt", "text/plain", b"hallo")] if stream.chance(0.2) else []
    stream.add(family, chat.key(visit, line), chat.body(visit, line, f"Regel {number}", files), at, chat.CONTENT_TYPE,
               **about)
    stream.said.add((family, chat.key(visit, line)))


def _toot(stream: Stream, family: str, number: int, at: datetime) -> None:
    """A post for everybody, or for us alone; ours are for whom they answer. Some are changed, some deleted."""
    writer = stream.dice.choice([*PEOPLE, "ons"])
    answers = [id for id in stream.answered(family, str(1000 + number)) if stream.chance(0.8)]
    status = _status(1000 + number, writer, f"Bericht {number}", at, stream.dice.choice(["public", "unlisted", "direct",
                                                                                        "private"]))
    if answers:
        status |= {"in_reply_to_id": answers[0], "in_reply_to_account_id": "2", "mentions": [_account("anna")]}
    id, key = post_id(HOME["server"], status["id"]), f"post/{status['id']}"
    stream.add(family, key, gather.body("post", HOME, status=status, files=[]), at, CONTENT_TYPE)
    for turn in range(stream.dice.choice([0, 0, 0, 1, 2])):
        changed = at + timedelta(seconds=10 * turn + 10)
        edit = status | {"edited_at": changed.isoformat(), "content": f"<p>Anders {turn}</p>"}
        stream.add(family, f"{key}/{turn}", gather.body("edit", HOME, status=edit, files=[]), changed, CONTENT_TYPE)
    if stream.chance(0.15):
        gone = gather.body("deletion", HOME, id=status["id"], author=_handle(writer), ours=writer == "ons",
                           public=status["visibility"] in ("public", "unlisted"))
        stream.add(family, f"{key}/deleted", gone, at + STEP, CONTENT_TYPE)
        stream.gone.add((family, id))
    stream.said.add((family, id))


def _event(stream: Stream, family: str, number: int, at: datetime) -> None:
    """A message of another system, from somebody or nobody; some twice under another id, some changed or deleted."""
    id, who = f"zaak/{number}", stream.dice.choice([*PEOPLE, ""])
    person = Person("buurtapp", who, who.title())
    event = Event(id=id, at=at, author=person, text=f"Melding {number}", answers_to=stream.answered(family, id),
                  public=stream.chance(0.3))
    if stream.chance(0.2):
        event = msgspec.structs.replace(event, text="", fields={"Straat": "Dorpsstraat"})
    if stream.chance(0.15):
        event = msgspec.structs.replace(event, direction="out", author=Person(name="Balie"), to=[person])
    for key in (f"evt-{number}", f"evt-{number}-again")[:1 + stream.chance(0.1)]:
        stream.add(family, key, msgspec.json.encode(event), at)
    for turn in range(stream.dice.choice([0, 0, 0, 1, 2])):
        changed = at + timedelta(seconds=10 * turn + 10)
        edit = msgspec.structs.replace(event, type="edit", at=changed, text=f"Anders {turn}")
        stream.add(family, f"evt-{number}-edit-{turn}", msgspec.json.encode(edit), changed)
    if stream.chance(0.15):
        deletion = Event(type="deletion", id=id, author=event.author, public=event.public)
        stream.add(family, f"evt-{number}-deletion", msgspec.json.encode(deletion), at + STEP)
        stream.gone.add((family, id))
    stream.said.add((family, id))


def _note(stream: Stream, family: str, number: int, at: datetime) -> None:
    """What a colleague wrote down, and sometimes what they answered at once."""
    key, who = f"desk-{number}", stream.dice.choice([*PEOPLE, ""])
    address = {stream.dice.choice(["email", "phone"]): f"{who}@post.example"} if who else {}
    answer = "Dat klopt." if stream.chance(0.3) else ""
    entry = desk.Entry(f"Gesprek {number}", "Sanne Vos", name=who.title(), answer=answer, **address)
    stream.add(family, key, desk.body(entry), at, desk.CONTENT_TYPE)
    stream.said |= {(family, key), *([(family, f"{key}/answer")] if who and answer else [])}


def _nonsense(stream: Stream, family: str, number: int, at: datetime) -> None:
    """Nothing that any connector understands, and no two alike."""
    body = stream.dice.choice([b"\xff\x00 niets", b"--\r\n" * 50, b"[" * 5000, b";" * 5000]) + f" {number}".encode()
    stream.add(family, f"{family}/nonsense/{number}", body, at, **({"source": FORM} if stream.chance(0.5) else {}))
    stream.said.add((family, f"{family}/nonsense/{number}"))


def _capture(stream: Stream, family: str, most: int) -> None:
    """Payloads of the connector's own tests, spread over all it has, each under a key of its own."""
    found = payloads(Path(__file__).parent / "connectors" / family)
    for number, item in enumerate(found[::max(1, len(found) // most)] if most else ()):
        item = replace(item, key=DeliveryKey(f"captured/{number}"),
                       received_at=item.received_at + timedelta(seconds=number))
        stream.deliveries.append((stream.channels[family], item))


def _status(id: int, writer: str, text: str, at: datetime, visibility: str) -> dict[str, Any]:
    """A post as the API gives it (docs.joinmastodon.org/entities/Status), with what is read of it."""
    return {"id": str(id), "created_at": at.isoformat(), "edited_at": None, "visibility": visibility, "mentions": [],
            "account": _account(writer), "content": f"<p>{text}</p>", "in_reply_to_id": None,
            "in_reply_to_account_id": None, "spoiler_text": "", "sensitive": False, "media_attachments": []}


def _account(who: str) -> dict[str, Any]:
    return {"id": HOME["account"] if who == "ons" else f"9{PEOPLE.index(who)}", "display_name": who.title(),
            "acct": "gemeente" if who == "ons" else f"{who}@wonen.example"}


def _handle(who: str) -> str:
    return f"gemeente@{HOME['domain']}" if who == "ons" else f"{who}@wonen.example"


SPEAKS: dict[str, Callable[[Stream, str, int, datetime], None]] = {
    "email": _mail, "web_form": _form, "chat": _line, "mastodon": _toot, "webhook": _event, "desk": _note}
