"""A municipality in full swing: the house on a port of its own, people who work there, and conversations of all kinds.

All people and addresses are invented.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from connectors import Attachment, Capabilities, Delivery, ExternalId, Outgoing, Sent, Unknown
from connectors.chat import Chat
from connectors.desk import Desk
from newsroom import app, conversation, delivery, message, session
from newsroom.conversation import Conversation, facets
from newsroom.database import Database
from newsroom.event import Draft, record
from newsroom.message import Message
from newsroom.settings import Settings
from newsroom.term import load
from newsroom.triage import By
from newsroom.web.visitor import cookie_name
from tests.postgres import TestDatabase

PEOPLE = {"Sanne Vos": ("chef_dag", "webcare"), "Joris Bos": ("webcare",), "Mehmet Kaya": ("webcare", "chef_dag"),
          "Lotte Dijk": ("webcare",), "Anna de Rijk": ("content_director",)}
TEAMS = {"Webcare": False, "Burgerzaken": False, "Jeugd en zorg": True}
LABELS = {"GFT niet geleegd": True, "Afsluiting brug": True, "OV": False, "Pers": False}
REASONS = (("Beantwoord", "Answered", "answered"), ("Doorverwezen", "Referred", "referred"),
           ("Bewust geen reactie", "Deliberately no reply", "no_reply"))
# minutes ago, channel, author, words, and what differs from a new conversation
CASES: list[tuple[int, str, str, str, dict[str, Any]]] = [
    (74, "email", "Bewoner Leidsekade",
     "Wéér is onze GFT-bak niet geleegd. Derde week op rij, het stinkt de straat uit!",
     {"labels": ["GFT niet geleegd"], "unread": 3, "minutes": 60}),
    (47, "email", "Fatima El A.",
     "Goedemorgen, mijn paspoort ligt klaar maar ik kan geen afspraak maken. Ik vlieg zaterdag",
     {"priority": 3, "minutes": 60}),
    (39, "email", "h.vandijk", "Groencontainer vergeten in de Zandweg",
     {"labels": ["GFT niet geleegd"], "minutes": 60}),
    (18, "form", "Fietser", "Mooie nieuwe fietsstraat! Alleen bij de bocht is het verkeersbord al kapot 📸",
     {"minutes": 60}),
    (12, "form", "Melding openbare ruimte", "Omgevallen boom op het fietspad bij de Biltse Rading",
     {"priority": 3, "minutes": 60}),
    (6, "email", "W. Smit", "Hoi, kan ik ook zonder DigiD mijn verhuizing doorgeven? Mijn moeder heeft geen telefoon",
     {}),
    (125, "email", "J. Pietersen", "Ik wacht nu al 2 weken op antwoord over mijn bijstand, wanneer hoor ik iets?",
     {"who": "Sanne Vos", "minutes": 90, "unread": 1}),
    (58, "email", "Bakkerij Vermeulen", "Terrasvergunning verlengen voor 2027", {"who": "Mehmet Kaya", "minutes": 60}),
    (31, "email", "Mark de G.", "Klopt het dat de brug deze week dicht is? Bus 28 rijdt ook niet meer",
     {"who": "Joris Bos", "labels": ["Afsluiting brug", "OV"], "minutes": 60, "unread": 1}),
    (8, "email", "Bezoeker website", "Afspraak rijbewijs verzetten naar vrijdag", {"who": "Joris Bos", "minutes": 15}),
    (22, "email", "Reiziger", "Waarom staat er nergens dat de brug dicht is???",
     {"who": "Lotte Dijk", "labels": ["Afsluiting brug"], "minutes": 60}),
    (19, "form", "Stichting Buurthuis", "Subsidieaanvraag: welke bijlage is verplicht?",
     {"who": "Sanne Vos", "minutes": 60}),
    (1500, "email", "A. Jansen", "Bezwaar WOZ 2026 – ik krijg geen ontvangstbevestiging",
     {"who": "Mehmet Kaya", "state": "department", "department": "Belastingen", "minutes": 1440}),
    (300, "email", "Sportclub DVSU", "Wanneer wordt het kunstgras vervangen?",
     {"who": "Lotte Dijk", "state": "department", "department": "Sport", "minutes": 4000}),
    (180, "email", "Yara", "Tijdelijke urn in columbarium, kan dat nog?",
     {"who": "Sanne Vos", "state": "department", "department": "Begraafplaatsen", "minutes": 3000}),
    (120, "form", "Webformulier evenementen", "Buurtfeest 12 dec: geluid tot 24 uur?",
     {"who": "Joris Bos", "state": "department", "department": "Vergunningen", "minutes": 3000}),
    (240, "email", "Omar H.", "Stuur alsjeblieft je kenteken en straat, dan zoek ik het op",
     {"who": "Joris Bos", "state": "waiting"}),
    (1500, "email", "P. Kramer", "Welke adreswijziging bedoelt u precies?", {"who": "Mehmet Kaya", "state": "waiting"}),
    (1600, "email", "Daan & Iris", "Foto van de stoeptegel graag", {"who": "Sanne Vos", "state": "waiting"}),
    (90, "email", "K. Bakker", "Openingstijden van het afvalpunt", {"who": "Lotte Dijk", "state": "closed"}),
    (95, "email", "<b>Vet</b> & </article>", "<img src=x onerror=alert(1)> tekst met tekens </h3>",
     {"who": "Lotte Dijk", "state": "closed"}),
]


class Post:
    """The channel of the tests: takes every reply, or fails as `outcome` says."""

    name: ClassVar[str] = "email"
    title: ClassVar[str] = "E-mail"
    hostile_input: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = Capabilities(longest_subject=255, copies=True, attachment_bytes=10_000_000)
    sent: ClassVar[list[Outgoing]] = []
    outcome: ClassVar[str] = "sent"

    @dataclass(frozen=True, slots=True)
    class Settings:
        """Nothing to set."""

    def __init__(self, settings: Any):
        self.settings = settings

    async def send(self, outgoing: Outgoing) -> Sent:
        type(self).sent.append(outgoing)
        if self.outcome == "unknown":
            raise Unknown("De mailserver zweeg na het laatste teken.")
        return Sent(ExternalId(outgoing.external_id), datetime.now(UTC))

    async def check(self) -> list:
        return []

    async def close(self) -> None:
        pass


@dataclass
class Town:
    """The running house and who is in it. `people`, `teams`, `labels` and `channels` are ids by name; `cards` are
    references by the first word of their text."""

    house: app.House
    database: Database
    url: str
    people: dict[str, int] = field(default_factory=dict)
    teams: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)

    async def token(self, name: str) -> tuple[str, str]:
        """A cookie's name and value: this person signed in."""
        async with self.database.transaction() as connection:
            token = await session.start(connection, self.people[name], datetime.now(UTC), "", "test")
        return cookie_name(self.house.settings), token

    async def act(self, name: str, reference: str, verb, *arguments) -> Conversation:
        """A verb of the domain by a colleague, as if from another browser."""
        async with self.database.transaction() as connection:
            id = await connection.fetchval("select id from conversation where reference = $1", reference)
            row = (await conversation.lock(connection, [id]))[id]
            after = await verb(connection, row, By(self.people[name], datetime.now(UTC)), *arguments)
        self.house.bell()
        return after

    async def bring(self, deliveries: Sequence[tuple[int, Delivery]]) -> None:
        """Deliveries of channels come in, and are read."""
        async with self.database.transaction() as connection:
            await delivery.store(connection, deliveries)
        self.house.bell()
        while True:
            async with self.database.connection() as connection:
                if not (await delivery.waiting(connection))["n"]:
                    return
            await asyncio.sleep(0.02)

    async def write(self, words: str, author: str = "Nieuwe inwoner", minutes: float = 0, channel: str = "email",
                    **more: Any) -> str:
        """A resident writes; returns the reference of the new conversation."""
        async with self.database.transaction() as connection:
            row = await add(self, connection, minutes, channel, author, words, more)
        self.house.bell()
        return row.reference


@asynccontextmanager
async def town(database: TestDatabase, data: Path, seeded: bool = True, work: bool = True,
               more: Mapping[str, Any] | None = None) -> AsyncIterator[Town]:
    """The house with this database, on a free port. `more` are further kinds of channels."""
    settings = Settings(database_url=database.url, owner_database_url=database.owner_url, data=data, port=free_port())
    Post.sent, Post.outcome = [], "sent"
    kinds: dict[str, Any] = {"email": Post, "web_form": Post, "chat": Chat, "desk": Desk, **(more or {})}
    async with app.run(settings, work_part=work, kinds=kinds) as house:
        made = Town(house, house.database, settings.address)
        async with house.database.transaction() as connection:
            await people_and_places(made, connection)
            if seeded:
                for minutes, channel, author, words, more in CASES:
                    await add(made, connection, minutes, channel, author, words, more)
        house.bell()
        yield made


async def people_and_places(made: Town, connection) -> None:
    """Accounts, teams, labels, reasons and two channels."""
    now = datetime.now(UTC)
    for name, restricted in TEAMS.items():
        made.teams[name] = await connection.fetchval(
            "insert into team (name, restricted) values ($1, $2) returning id", name, restricted)
    for name, roles in PEOPLE.items():
        initials = name[0] + name.split()[-1][0]
        made.people[name] = await connection.fetchval(
            "insert into account (email, name, initials, roles, theme, created_at) values ($1, $2, $3, $4, 'light', $5)"
            " returning id", f"{name.split()[0].lower()}@voorbeeldstad.example", name, initials, list(roles), now)
    for team in ("Webcare", "Jeugd en zorg"):
        await connection.execute("insert into account_team (account_id, team_id) values ($1, $2)",
                                 made.people["Sanne Vos"], made.teams[team])
    for name, topic in LABELS.items():
        made.labels[name] = await connection.fetchval("insert into label (name, topic) values ($1, $2) returning id",
                                                      name, topic)
    for reason in REASONS:
        await connection.execute("insert into close_reason (name_nl, name_en, outcome) values ($1, $2, $3)"
                                 " on conflict do nothing", *reason)
    for key, kind, name in (("email", "email", "E-mail"), ("form", "web_form", "Webformulier")):
        made.channels[key] = await connection.fetchval(
            "insert into channel (kind, name, address) values ($1, $2, $3) returning id", kind, name,
            f"{key}@voorbeeldstad.example")


async def add(made: Town, connection, minutes: float, channel: str, author: str, words: str,
              more: Mapping[str, Any]) -> Conversation:
    """One conversation with one message of its resident."""
    now = datetime.now(UTC)
    at = now - timedelta(minutes=minutes)
    state = more.get("state", "open" if "who" in more else "new")
    waits = state not in ("waiting", "closed", "spam")
    contact = await connection.fetchval("insert into contact (name, created_at) values ($1, $2) returning id",
                                        author, at)
    id = (await conversation.reserve(connection, 1))[0]
    address = f"bewoner{id}@voorbeeld.example"
    await connection.execute("insert into contact_identity (kind, address, contact_id, name) values"
                             " ('email', $1, $2, $3)", address, contact, author)
    message_id = (await message.reserve(connection, 1))[0]
    row = Conversation(
        id, delivery.new_reference(), made.channels[channel], at, at, subject=more.get("subject", ""), state=state,
        excerpt=words[:160], author=author, contact_id=contact, unread=more.get("unread", 1 if state == "new" else 0),
        assignee_id=made.people.get(more.get("who", "")), priority=more.get("priority", 1), last_message_id=message_id,
        labels=sorted(made.labels[name] for name in more.get("labels", ())), waiting_since=at if waits else None,
        department=more.get("department", ""), department_by=(now + timedelta(days=3)).date()
        if state == "department" else None, closed_at=now if state == "closed" else None,
        close_reason_id=1 if state == "closed" else None, team_id=made.teams.get(more.get("team", "")))
    row = timed(row, more.get("minutes"), now) if waits else row
    row = (await load(connection)).apply(row, now) if waits and "minutes" not in more else row
    await conversation.insert(connection, [row])
    await connection.execute("insert into participant (conversation_id, kind, address, name) values"
                             " ($1, 'email', $2, $3)", id, address, author)
    await message.insert(connection, [Message(
        message_id, id, row.channel_id, "in", at, external_id=f"in-{message_id}", author_kind="email",
        author_address=address, author_name=author, subject=row.subject, body=more.get("body", words),
        html=more.get("html", ""), quoted=more.get("quoted", ""), problems=more.get("problems", []))])
    await message.attach(connection, [(message_id, place, Attachment(*file)) for place, file in
                                      enumerate(more.get("files", ()))])
    await record(connection, [Draft("received", at, id, message_id, after=facets(row))])
    made.references[words.split()[0]] = row.reference
    return row


def timed(row: Conversation, minutes: float | None, now: datetime) -> Conversation:
    """The row with a term of so many minutes, by the plain clock."""
    if minutes is None or row.waiting_since is None:
        return row
    due = row.waiting_since + timedelta(minutes=minutes)
    soon = due - timedelta(minutes=max(minutes * .25, 15))
    return replace(row, due_at=due, soon_at=soon, lateness=2 if now >= due else 1 if now >= soon else 0)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

