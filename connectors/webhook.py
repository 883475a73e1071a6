"""Any other system: signed JSON in, signed JSON out. Also the worked example of README.md beside this file.

In: the other system posts an `Event` to the address that the channel's page shows. Out: we post a `Reply` to its
address. Both are signed alike (`signature.py`). A reply has the same `webhook-id` on every try, and the other system
takes an id once: so a try of which nobody knows what became of it is simply repeated.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from connectors import (
    Attachment,
    Author,
    Capabilities,
    ChannelError,
    Delivery,
    DeliveryKey,
    ExternalId,
    Incoming,
    Kind,
    NotAccepted,
    NotVerified,
    Outgoing,
    Refused,
    Secret,
    Sent,
    SignInNeeded,
    Step,
    TryLater,
    Unknown,
    clean_item,
    option,
    outbound,
    signature,
)
from connectors.outbound import Answer
from connectors.web_form import values

FILES = 20  # in one event
FILES_BYTES = 20_000_000  # of all files of an event or a reply together
ID_CHARACTERS = 500  # of an id in the other system
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Settings:
    secret: Secret = option(
        "Waarmee beide kanten hun berichten ondertekenen: minstens 24 tekens, of een geheim dat met whsec_ begint.",
        label="Geheim", group="Ondertekenen", required=True)
    previous_secret: Secret = option(
        "Vul bij het vervangen hier het oude geheim in. Dan gelden beide, tot u dit veld weer leegmaakt.",
        label="Vorig geheim", group="Ondertekenen", default=Secret(""))
    url: str = option(
        "Waar antwoorden naartoe gaan, zoals https://systeem.voorbeeldstad.example/berichten. Leeg: dit kanaal "
        "ontvangt alleen.", label="Adres voor antwoorden", group="Antwoorden", default="")


class Person(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Who wrote, or to whom: an address within its kind, such as `email`, `phone`, or the system's own name."""

    kind: str = "webhook"
    address: str = ""
    name: str = ""


class File(msgspec.Struct, forbid_unknown_fields=True):
    """A file; `content` is base64."""

    name: str
    content: str
    type: str = ""


class Event(msgspec.Struct, forbid_unknown_fields=True):
    """What the other system posts. `id` is the message's own; without one it is the `webhook-id`. An `edit` has the
    whole message again, with the moment of the change; a `deletion` its id. Strange keys are a mistake, so nothing is
    lost."""

    type: Literal["message", "edit", "deletion"] = "message"
    id: str = ""
    at: datetime | None = None
    author: Person = msgspec.field(default_factory=Person)
    direction: Literal["in", "out"] = "in"
    to: list[Person] = []
    answers_to: list[str] = []
    public: bool = False
    subject: str = ""
    text: str = ""
    html: str = ""
    language: str = ""
    url: str = ""
    auto_reply: bool = False
    fields: dict[str, str | int | float | bool | None | list[str]] = {}
    files: list[File] = []


class Reply(msgspec.Struct):
    """What we post. `id` is ours; the other system may answer `{"id": "..."}` with its own."""

    type: Literal["message", "ping"]
    id: str
    to: list[Person] = []
    answers_to: str | None = None
    references: list[str] = []
    public: bool = False
    subject: str = ""
    text: str = ""
    html: str = ""
    files: list[File] = []


class Webhook:
    """A channel of another system. Pushed to; sends when it has an address."""

    name = "webhook"
    title = "Ander systeem (webhook)"
    Settings = Settings
    capabilities = Capabilities(longest_subject=200, attachment_bytes=FILES_BYTES, public=True, threads=True,
                                idempotency_key=True, edits=True, deletes=True)
    hostile_input = False

    def __init__(self, settings: Settings):
        self._settings = settings
        secrets = (settings.secret.reveal(), settings.previous_secret.reveal())
        self._keys = [key for key in map(signature.key, secrets) if key]

    def verify(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Delivery:
        """A signed event. Raises `NotVerified`, always so without a secret, and `NotAccepted` for what is no event."""
        if not signature.key(self._settings.secret.reveal()):
            raise NotVerified("no secret is set")
        id = signature.verify(self._keys, headers, body, received_at)
        try:
            _incoming(_event(body), Delivery(DeliveryKey(id), body, received_at))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise NotAccepted(f"{error}") from error
        return Delivery(DeliveryKey(id), body, received_at, JSON)

    @staticmethod
    def parse(delivery: Delivery) -> list[Incoming]:
        """One item for each event; what is none is shown, with the original to open."""
        try:
            return [clean_item(_incoming(_event(delivery.body), delivery))]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author("webhook", ""),
                             kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", "webhook-unknown"))]

    async def check(self) -> list[Step]:
        """The secrets, and the other system's answer to a `ping`."""
        steps = [_secret_step(label, secret.reveal()) for label, secret in
                 (("Geheim", self._settings.secret), ("Vorig geheim", self._settings.previous_secret))
                 if secret or label == "Geheim"]
        if not self._settings.url:
            return [*steps, Step("Antwoorden", True, "geen adres ingevuld: dit kanaal ontvangt alleen")]
        try:
            await self._post(Reply("ping", "ping"), f"ping-{datetime.now(UTC).timestamp():.6f}".replace(".", "-"))
        except ChannelError as error:
            return [*steps, Step("Antwoorden", False, _host(self._settings.url), str(error))]
        return [*steps, Step("Antwoorden", True, f"{_host(self._settings.url)} antwoordt")]

    async def send(self, outgoing: Outgoing) -> Sent:
        if not self._settings.url:
            raise Refused("Bij dit kanaal is geen adres voor antwoorden ingevuld. Vraag de beheerder dat te doen.")
        answer = await self._post(_reply(outgoing), outgoing.idempotency_key)
        return Sent(ExternalId(_their_id(answer) or outgoing.external_id), datetime.now(UTC))

    async def close(self) -> None:
        pass

    async def _post(self, reply: Reply, id: str) -> Answer:
        """The answer of the other system when it took the reply."""
        if not self._keys:
            raise SignInNeeded("Er is geen geldig geheim ingevuld om mee te ondertekenen.")
        url, body = self._settings.url, msgspec.json.encode(reply)
        host = _host(url)
        headers = {"Content-Type": JSON, **signature.sign(self._keys, id, datetime.now(UTC), body)}
        try:
            return _judge(await outbound.post(url, body, headers), host)
        except outbound.NotAllowed as error:
            raise SignInNeeded(f"Het adres {host} mag niet. Gebruik https en een openbaar adres, of laat ICT het "
                               "netwerk toestaan met NEWSROOM_OUTBOUND_NETWORKS.") from error
        except outbound.NOT_SENT as error:
            raise TryLater(f"{host} is niet te bereiken. Kijk het adres na, of vraag ICT of de firewall dit toestaat."
                           ) from error
        except outbound.FAILED as error:
            raise Unknown(f"{host} gaf geen antwoord. Misschien kwam het aan; het andere systeem neemt een herhaling "
                          "niet dubbel aan.") from error


def _event(body: bytes) -> Event:
    """Raises `msgspec.MsgspecError`, or ValueError with what is wrong."""
    event = _decode(body)
    if len(event.id) > ID_CHARACTERS or any(not 0 < len(id) <= ID_CHARACTERS for id in event.answers_to):
        raise ValueError(f"an id has 1 to {ID_CHARACTERS} characters")
    if event.at is not None and event.at.tzinfo is None:
        raise ValueError("at needs an offset from UTC, such as Z")
    if event.type != "message" and not event.id:
        raise ValueError(f"a {event.type} needs the id of its message")
    if event.type == "message" and not (event.text.strip() or event.subject.strip() or event.html.strip()
                                        or event.fields or event.files):
        raise ValueError("give at least a text, a subject, fields or files")
    if len(event.files) > FILES or sum(len(file.content) for file in event.files) > FILES_BYTES * 4 // 3 + 4 * FILES:
        raise ValueError(f"at most {FILES} files of together {FILES_BYTES} bytes")
    return event


_decode = msgspec.json.Decoder(Event).decode


def _incoming(event: Event, delivery: Delivery) -> Incoming:
    """Raises ValueError for a file that is not base64."""
    details = [(name, values.MASK if values.names_bsn(name) else values.mask(shown))
               for name, value in event.fields.items() if (shown := values.shown(value))]
    author = _author(event.author)
    if event.author.address and not author.address:
        details.append(("Adres", event.author.address))  # no e-mail address or number, so only to be read
    text, subject = values.mask(event.text), values.mask(event.subject)
    masked = (text, subject) != (event.text, event.subject) or any(values.MASK in value for _, value in details)
    return Incoming(
        ExternalId(event.id or delivery.key), min(event.at or delivery.received_at, delivery.received_at),
        author, kind=Kind(event.type), direction=event.direction, public=event.public, subject=subject,
        text=text, html=event.html, answers_to=tuple(ExternalId(id) for id in event.answers_to),
        # the same event under another webhook-id is the same event
        identity=f"{event.id}|{hashlib.sha256(delivery.body).hexdigest()}" if event.id else "",
        to=tuple(_author(one) for one in event.to), details=tuple(details), auto_reply=event.auto_reply,
        language=event.language[:8], source_url=event.url if urlsplit(event.url).scheme in ("https", "http") else "",
        attachments=tuple(values.file(one.name, one.content, _type(one.type)) for one in event.files),
        problems=(values.MASKED,) if masked else ())


def _author(person: Person) -> Author:
    """An e-mail address or telephone number as every channel writes it, so that a person is known over all."""
    kind, address = person.kind.strip().lower()[:40] or "webhook", person.address.strip()[:254]
    if kind in ("email", "phone"):
        address = (values.email_address if kind == "email" else values.phone_number)(address)
    return Author(kind, address, " ".join(person.name.split())[:200])


def _type(text: str) -> str:
    """A file's type, or nothing for what is none."""
    return text if text.count("/") == 1 and text.isascii() and text.isprintable() else ""


def _reply(outgoing: Outgoing) -> Reply:
    return Reply(
        "message", outgoing.external_id, [_person(one) for one in outgoing.to], outgoing.answers_to,
        list(outgoing.references), outgoing.public, outgoing.subject, outgoing.text, outgoing.html,
        [_file(one) for one in outgoing.attachments])


def _person(author: Author) -> Person:
    return Person(author.kind, author.address, author.name)


def _file(item: Attachment) -> File:
    return File(item.name, base64.b64encode(item.content).decode(), item.type)


def _judge(answer: Answer, host: str) -> Answer:
    """The answer when it says that the reply was taken. Raises what it means otherwise."""
    match answer.status:
        case status if 200 <= status < 300:
            return answer
        case 401 | 403:
            raise SignInNeeded(f"{host} neemt onze handtekening niet aan ({answer.status}). Kijk of beide kanten "
                               "hetzelfde geheim hebben en of de klok gelijk loopt.")
        case 425 | 429 | 503:
            raise TryLater(f"{host} heeft het druk ({status}).", answer.after)
        case status if status == 408 or status >= 500:
            raise Unknown(f"{host} heeft een storing ({status}). Misschien kwam het toch aan.")
        case status if 300 <= status < 400:
            raise Refused(f"{host} verwijst door naar een ander adres ({status}). Vul dat adres in bij dit kanaal.")
    raise Refused(f"{host} weigert dit bericht ({answer.status}).")


def _their_id(answer: Answer) -> str:
    try:
        found = msgspec.json.decode(answer.body, type=dict)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return ""
    id = found.get("id")
    return id if isinstance(id, str) and 0 < len(id) <= ID_CHARACTERS and id.isprintable() else ""


def _secret_step(label: str, secret: str) -> Step:
    good = bool(signature.key(secret))
    return Step(label, good, "", "" if good else f"Neem minstens {signature.SHORTEST_KEY} tekens, of base64 na "
                                                 f"{signature.PREFIX}.")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "Het adres"
    except ValueError:
        return "Het adres"
