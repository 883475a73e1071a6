"""The contract between Newsroom and a channel.

A connector turns what a source hands over into `Delivery` (raw bytes and a key), reads those bytes back as
`Incoming` items, and sends `Outgoing` replies. It imports nothing of `newsroom`; `README.md` beside this file
tells how to write one. Longer than 350 lines because whoever writes a connector reads one file.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Literal, NewType, Protocol, get_type_hints, runtime_checkable

DeliveryKey = NewType("DeliveryKey", str)
"""The source's own coordinates, such as `INBOX/1699/42` or a platform's event id. Opaque outside the connector."""

ExternalId = NewType("ExternalId", str)
"""A message's id at its source (a Message-ID, a post id). Opaque outside the connector."""

ENTRY_POINTS = "newsroom.connectors"


# --- what comes in -------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Delivery:
    """Raw bytes as the source gave them. Stored and committed before the source is answered."""

    key: DeliveryKey
    body: bytes
    received_at: datetime
    content_type: str = "application/octet-stream"
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries and the cursor that is valid once they are stored. Both are committed in one transaction. The cursor
    is a JSON object, and never empty: that means a new channel, which begins at the present."""

    deliveries: tuple[Delivery, ...]
    cursor: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.cursor:
            raise ValueError("an empty cursor would begin at the present again, and pass over what came meanwhile")


class Kind(StrEnum):
    """What an `Incoming` item is."""

    MESSAGE = "message"
    EDIT = "edit"  # of the message with this `external_id` and author: all of it, as it is now
    DELETION = "deletion"  # of that message; says no more than its `external_id`, author, direction and `public`
    BOUNCE = "bounce"  # a delivery report on a reply of ours; `answers_to` names that reply
    NOT_UNDERSTOOD = "not_understood"  # shown as a card "nog niet begrepen", never dropped


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message: an address within its kind. The name is what they call themselves, never identity.

    `kind` is `email`, `phone`, or the name of a platform (`mastodon`). `address` may be empty: unknown sender.
    """

    kind: str
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, byte for byte. `name` is as the sender gave it: never used as a path. `description` says what is in a
    picture, for who cannot see it."""

    name: str
    type: str
    content: bytes
    inline: bool = False
    content_id: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message read from a delivery.

    `at` is when the source says it was written, never later than the delivery's own time. `public` says whether
    anybody could read it. `answers_to` holds every id this answers, nearest last (a mail's whole References set).
    `direction` is `out` for what a colleague sent from elsewhere (Outlook's sent items): then `to` are the
    residents it went to. `identity` is a second identity besides the delivery's key, for sources that renumber.
    `copy_of` is equal for copies of one message in several mailboxes. `reply_token` is the token of our own
    signed reply address, when it was sent to one.
    `text` is without the quoted part, which is in `quoted`. `details` are labelled values of a form, in order.
    `problems` are shown to staff: a code that there are words for (`problem.` in static/language/nl.json), or a Dutch
    sentence of your own. `unreadable` comes with a second one that says why. For any channel there are `unknown`,
    `broken`, `text-too-long`, `too-large`, `file-missing`, `file-too-large`, `encrypted` and `bsn-masked`.
    """

    external_id: ExternalId
    at: datetime
    author: Author
    kind: Kind = Kind.MESSAGE
    direction: Literal["in", "out"] = "in"
    public: bool = False
    subject: str = ""
    text: str = ""
    quoted: str = ""
    html: str = ""
    answers_to: tuple[ExternalId, ...] = ()
    identity: str = ""
    copy_of: str = ""
    reply_token: str = ""
    to: tuple[Author, ...] = ()
    cc: tuple[Author, ...] = ()
    reply_to: tuple[Author, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    auto_reply: bool = False
    problems: tuple[str, ...] = ()
    language: str = ""
    source_url: str = ""
    bounced: tuple[tuple[str, str], ...] = ()  # recipient and reason, with Kind.BOUNCE


# --- what goes out -------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reply to send. `idempotency_key` is equal on every try of the same reply; `external_id` is ours to give
    where the channel lets us (a Message-ID). `answers_to` is the id answered, `references` the whole chain."""

    idempotency_key: str
    external_id: ExternalId
    subject: str
    text: str
    html: str = ""
    public: bool = False
    to: tuple[Author, ...] = ()
    cc: tuple[Author, ...] = ()
    bcc: tuple[Author, ...] = ()
    answers_to: ExternalId | None = None
    references: tuple[ExternalId, ...] = ()
    reply_token: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The source took the reply. `notes` are for staff, one per recipient that was refused."""

    external_id: ExternalId
    at: datetime
    notes: tuple[str, ...] = ()


class ChannelError(Exception):
    """A channel could not do what was asked. The message is plain text for staff, without secrets."""


class Refused(ChannelError):
    """Certainly not sent, and trying again gives the same answer."""


class TryLater(ChannelError):
    """Certainly not sent; try again after `after` seconds. Tried again by itself, for two days."""

    def __init__(self, reason: str, after: float = 60.0):
        super().__init__(reason)
        self.after = after


class SignInNeeded(ChannelError):
    """The channel no longer accepts our credentials. Nothing was sent; the channel waits for an administrator."""


class Unknown(ChannelError):
    """Perhaps sent. A person decides; a channel that takes an idempotency key is asked again under the same one."""


class NotVerified(Exception):
    """A pushed request is not from the source: bad or missing signature. Answered 401, nothing is stored."""


class NotAccepted(Exception):
    """A pushed request is from the source, and is nothing that could become a message. The text says what is wrong, in
    English and without secrets. Answered 422, nothing is stored: the source still has it."""


# --- what a connector is -------------------------------------------------------------------------------------

class Secret:
    """A credential. Its text is only reached with `reveal()`. No `str`: loggers and JSON write those as they are."""

    __slots__ = ("_text",)

    def __init__(self, text: str = ""):
        self._text = text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('***')" if self else "Secret('')"

    def __str__(self) -> str:
        return "***" if self else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """The credential itself, as a plain `str`."""
        return self._text


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do: OUT is about replies, IN about what arrives. Lengths in characters as the platform counts
    them, sizes in bytes. Those marked * only tell: the house does not act on them."""

    longest_text: int = 100_000  # OUT
    longest_subject: int = 0  # OUT; 0: no subject
    warning: bool = False  # OUT: the subject is a content warning: part of the length, and never made up
    link_length: int = 0  # OUT: what any link counts; 0: its own length
    short_handles: bool = False  # OUT: of @name@server only @name counts
    attachment_types: tuple[str, ...] | None = None  # OUT; None: every type, (): none
    attachment_bytes: int = 0  # OUT: of all attachments together
    most_attachments: int | None = None  # OUT
    descriptions: bool = False  # OUT: files can be described for who cannot see them
    public: bool = False  # OUT: what was asked in public can be answered there
    private: bool = True  # OUT: one person can be answered where nobody else reads it
    reply_window_seconds: int | None = None  # OUT *: so long after the last message; later `send` raises `Refused`
    threads: bool = False  # IN *: messages name what they answer
    idempotency_key: bool = False  # OUT: the same reply again is recognised,
    key_seconds: float | None = None  # OUT: and for how long; None: always
    edits: bool = False  # IN *: what a writer changes at the source arrives
    deletes: bool = False  # IN *: and what they delete
    sent_items: bool = False  # IN *: what colleagues answer elsewhere arrives
    copies: bool = False  # OUT: knows Cc and Bcc
    sends: bool = True  # OUT: False: `send` raises `Refused`
    live: bool = False  # OUT: somebody waits for each line: it goes at once, without signature or quotation


@dataclass(frozen=True, slots=True)
class Step:
    """One step of `check()`. `problem` says what is wrong and what to do; `detail` what was found."""

    name: str
    ok: bool
    detail: str = ""
    problem: str = ""


FIELD_TYPES = {str, int, bool, Secret, tuple[str, ...]}  # of settings: what the form in Beheer can show


def option(description: str, *, label: str, group: str = "", default: Any = None, choices: Iterable[str] = (),
           required: bool = False, leads: bool = False) -> Any:
    """A field of a connector's `Settings`: the admin form, its labels and help are made from these.

    `label` and `description` are Dutch; a field without `required` needs a `default`. `leads`: it names the server
    that credentials are sent to; with another one they must be typed again, also when it has a default.
    """
    metadata = {"description": description, "label": label, "group": group, "choices": tuple(choices),
                "required": required, "leads": leads}
    return field(metadata=metadata) if required else field(default=default, metadata=metadata)


@runtime_checkable
class Connector(Protocol):
    """One channel, made from its `Settings`. Implementations also have `parse`, a pure module-level behaviour
    reachable without settings: it is a static method so that a parser process needs no credentials."""

    name: ClassVar[str]  # as in the database: "email"
    title: ClassVar[str]  # as on the screen: "E-mail"
    Settings: ClassVar[type]
    capabilities: ClassVar[Capabilities]
    hostile_input: ClassVar[bool]  # True: parse in a child process with limits

    def __init__(self, settings: Any) -> None: ...

    @staticmethod
    def parse(delivery: Delivery) -> list[Incoming]: ...

    async def check(self) -> list[Step]: ...

    async def send(self, outgoing: Outgoing) -> Sent: ...

    async def close(self) -> None: ...


@runtime_checkable
class Listener(Protocol):
    """A connector that pulls or streams. The next `Batch` is only asked for after the last one is committed.
    An empty cursor starts at the source's present end ("vanaf nu")."""

    def listen(self, cursor: Mapping[str, Any]) -> AsyncIterator[Batch]: ...


@runtime_checkable
class Verifier(Protocol):
    """A connector that is pushed to, at `/ontvangst/<channel>`. Raises `NotVerified`; checks the signature over the raw
    bytes first. Only then it may raise `NotAccepted`. The answer follows when the delivery is committed."""

    def verify(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Delivery: ...


@runtime_checkable
class Learning(Protocol):
    """A connector whose server sets limits of its own. The house calls `learn` before it shows them."""

    async def learn(self) -> None:
        """Take them over in `capabilities`; asks at most now and then, and never raises."""


@runtime_checkable
class Renewing(Protocol):
    """A connector whose server may hand out a new credential in the place of an old one. It awaits `on_new_secret`
    with the field of `Settings` and the new value, before it uses that."""

    on_new_secret: Callable[[str, Secret], Awaitable[None]] | None


@runtime_checkable
class Proving(Protocol):
    """A connector whose replies can carry a signed reply address, once a message to itself proved that such an
    address arrives. The house keeps the outcome and sets `reply_address_proved` on each connector it makes."""

    reply_address_proved: bool

    async def prove_reply_address(self, token: str) -> Step:
        """Send a message to our own address with `token`, which is also in its id: the house knows it by that. Leaves
        `reply_address_proved` as it was when nothing could be found out; then the step has failed. Does not raise."""


@runtime_checkable
class Completeness(Protocol):
    """A connector that can list the keys in its source, so that what we lack can be counted and fetched again.

    `cursor` is where `listen` came to; only what is ours by it counts. Both raise `TryLater` and `SignInNeeded`.
    """

    def keys(self, cursor: Mapping[str, Any], since: datetime | None = None) -> AsyncIterator[DeliveryKey]:
        """The keys that the source has, of what it took in since a moment (about a day more is no fault), or all."""

    def fetch(self, cursor: Mapping[str, Any], keys: Sequence[DeliveryKey]) -> AsyncIterator[Delivery]:
        """These deliveries once more, as `listen` gives them. One that is gone from the source is left out."""


@runtime_checkable
class Expiring(Protocol):
    """A connector whose credential ends on some day."""

    async def expires(self) -> datetime | None:
        """When the first of its credentials ends, as far as anybody told; None: nobody did. Does not ask the source."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An installed connector that cannot be used: the name of its entry point, its package, and why, in English."""

    name: str
    package: str
    why: str


def connectors() -> dict[str, type[Connector]]:
    """Every installed connector by name, found by entry point so that other packages can add channels."""
    return installed()[0]


def installed() -> tuple[dict[str, type[Connector]], list[Broken]]:
    """The connectors by name, and those that are left out: a mistake in somebody's package stops no other channel, and
    it takes no name of ours."""
    kinds: dict[str, type[Connector]] = {}
    broken = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: _package(point) != "newsroom"):
        try:
            if point.name in kinds:
                raise ValueError("another package has a connector of this name")
            kinds[point.name] = _load(point)
        except (Exception, SystemExit) as error:
            broken.append(Broken(point.name, _package(point), f"{type(error).__name__}: {error}"[:300]))
    return kinds, broken


def _load(point: EntryPoint) -> type[Connector]:
    """The class of an entry point. Raises whatever its module does, and when it is no connector."""
    kind = point.load()
    wanted = [*Connector.__annotations__, "parse", "check", "send", "close"]
    if lacking := [name for name in wanted if not hasattr(kind, name)]:
        raise TypeError(f"{point.value} lacks {', '.join(lacking)}")
    if kind.name != point.name:
        raise ValueError(f"the entry point is called {point.name}, and its class {kind.name}")
    hints = get_type_hints(kind.Settings)
    if odd := [one.name for one in fields(kind.Settings)
               if "leads" not in one.metadata or hints[one.name] not in FIELD_TYPES]:
        raise TypeError(f"no form can be made of Settings.{', '.join(odd)}: use option() and one of the types it takes")
    return kind


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def secret_fields(settings: type) -> frozenset[str]:
    """The names of the fields of a `Settings` class that hold credentials."""
    return frozenset(f.name for f in fields(settings) if f.type in (Secret, "Secret"))


def clean(text: str) -> str:
    """Text that can be stored and sent on: no NUL, no half surrogates. JSON may hold both."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def clean_item(item: Incoming) -> Incoming:
    """The item with each text that people read so."""
    return replace(
        item, author=replace(item.author, name=clean(item.author.name)), subject=clean(item.subject),
        text=clean(item.text), quoted=clean(item.quoted), html=clean(item.html),
        details=tuple((clean(label), clean(value)) for label, value in item.details),
        attachments=tuple(replace(one, name=clean(one.name), description=clean(one.description))
                          for one in item.attachments))
