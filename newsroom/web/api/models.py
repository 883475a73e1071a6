"""What the API answers. Names are camelCase in JSON; moments are UTC; ids are opaque."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from newsroom.web.limits import PAGE_ITEMS

State = Literal["new", "open", "department", "waiting", "closed", "spam"]
Priority = Literal["low", "normal", "high", "urgent"]
Lateness = Literal["on_time", "almost_late", "late"]
Limit = Annotated[int, Meta(ge=1, le=PAGE_ITEMS, description="How many at most.")]
Reference = Annotated[str, Meta(pattern="^[0-9A-Z-]{1,20}$", description="The number that people know it by.")]
Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class Model(Struct, frozen=True, rename="camel", kw_only=True):
    """One answer of the API."""


class Paging(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """Which part of a list."""

    limit: Limit = 50


class ConversationQuery(Paging, frozen=True):
    """Which conversations, oldest first."""

    after: Annotated[str, Meta(max_length=20, description="The reference of the last one seen.")] = ""
    state: Annotated[list[State], Meta(description="Only these; may be given more often.")] = []
    channel: Annotated[list[Id], Meta(description="Only these channels; may be given more often.")] = []


class IdQuery(Paging, frozen=True):
    """A list that goes on after an id."""

    after: Annotated[int, Meta(ge=0, le=2**53 - 1, description="The id of the last one seen.")] = 0


class EventQuery(Paging, frozen=True):
    """What happened after a position."""

    position: Annotated[str, Meta(max_length=40, description="Where the last answer ended. Left out: now. "
                                  "`<epoch>.0` is the very beginning.")] = ""


class Conversation(Model, frozen=True):
    """What one resident and the municipality say to each other about one thing."""

    reference: Reference
    channel: Id
    state: State
    subject: str
    author: str
    excerpt: str
    team: str | None
    assignee: str | None
    priority: Priority
    labels: list[str]
    public: bool
    sealed: bool
    contact: Id | None
    unread: int
    created_at: datetime
    last_at: datetime
    waiting_since: datetime | None
    due_at: datetime | None
    lateness: Lateness
    answered_at: datetime | None
    department: str | None
    department_by: date | None
    closed_at: datetime | None
    outcome: str | None
    problem: str | None
    follows: Reference | None


class Conversations(Model, frozen=True):
    """A part of the list; `next` is the address of what follows, null at its end."""

    results: list[Conversation]
    next: str | None


class Person(Model, frozen=True):
    """Who wrote, or to whom: an address within its kind (`email`, `phone`, a platform)."""

    kind: str
    address: str
    name: str


class File(Model, frozen=True):
    """A file with a message."""

    id: Id
    name: str
    type: str
    size: int


class Value(Model, frozen=True):
    """One question of a form with its answer."""

    label: str
    value: str


class Message(Model, frozen=True):
    """One thing said. `direction` is `note` for what colleagues say among themselves."""

    id: Id
    direction: Literal["in", "out", "note"]
    kind: str
    at: datetime
    author: Person
    colleague: str | None
    to: list[Person]
    cc: list[Person]
    subject: str
    text: str
    values: list[Value]
    files: list[File]
    public: bool
    automatic: bool
    answer_state: Literal["queued", "sending", "sent", "failed", "unknown", "bounced", "cancelled"] | None
    sent_at: datetime | None
    removed: bool


class Messages(Model, frozen=True):
    """A part of a thread, in its order."""

    results: list[Message]
    next: str | None


class Channel(Model, frozen=True):
    """A channel and whether it works."""

    id: Id
    kind: str
    name: str
    address: str
    mode: Literal["reading", "live", "paused"]
    team: str | None
    health: Literal["new", "ok", "faltering", "down"]
    health_since: datetime | None
    last_in_at: datetime | None
    last_out_at: datetime | None


class Channels(Model, frozen=True):
    """Every channel in use."""

    results: list[Channel]


class Contact(Model, frozen=True):
    """A person or organisation that wrote, with the conversations that the token may see, newest first."""

    id: Id
    name: str
    identities: list[Person]
    conversations: list[Reference]
    created_at: datetime


class Contacts(Model, frozen=True):
    """A part of the list."""

    results: list[Contact]
    next: str | None


class Facets(Model, frozen=True):
    """How a conversation stood."""

    state: str
    team: int | None
    assignee: int | None
    channel: int
    priority: Priority
    labels: list[int]
    lateness: Lateness


class Event(Model, frozen=True):
    """Something that happened. `before` and `after` are null where the token may not see; `gone` says that it may no
    longer see the conversation."""

    position: str
    at: datetime
    kind: str
    conversation: Reference
    message: Id | None
    actor: int | None
    before: Facets | None
    after: Facets | None


class Events(Model, frozen=True):
    """What happened, oldest first. Ask again from `position`; `more` says that there is more already."""

    results: list[Event]
    position: str
    more: bool


class Received(Model, frozen=True):
    """A delivery that is stored."""

    reference: Reference


class Progress(Model, frozen=True):
    """How far a delivery is: `unreadable` ones are shown to staff as they came."""

    reference: Reference
    received_at: datetime
    state: Literal["received", "read", "unreadable"]


class Mistake(Model, frozen=True):
    """One thing that is wrong."""

    name: str
    reason: str


class Problem(Model, frozen=True):
    """Why a request was refused (RFC 9457), with all that is wrong at once."""

    type: str
    title: str
    status: int
    detail: str
    reference: str = ""
    invalid_params: list[Mistake] = []
