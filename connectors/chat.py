"""Live chat on the municipality's own site: the residents' lines come from our own panel, and they fetch ours there.

A visit is one resident's chat. Its `address` says which, and is all that a line carries of the token that opens it.
A delivery is one line: its key is the client's own id of that line, so that a line that is sent again is the same one.
`meta` tells who the visitor said to be: name, email, language, and the page of the site. A message that is left while
the chat is closed comes with `meta["source"]` `left` and is answered over e-mail.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey

from connectors import (
    Author,
    Capabilities,
    Delivery,
    DeliveryKey,
    ExternalId,
    Incoming,
    Kind,
    Outgoing,
    Refused,
    Secret,
    Sent,
    Step,
    clean_item,
    option,
)
from connectors.web_form import values

CONTENT_TYPE = "application/vnd.newsroom.chat+json"
LEFT = "left"  # value of meta["source"]: a message that was left while the chat was closed
PERSON = "chat"  # kind of the address that a visit is
LINE_CHARACTERS = 4000
ATTACHMENT_TYPES = (
    "application/pdf", "image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "image/heif", "image/avif",
    "text/plain", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation")
SHORTEST_KEY = 32  # bytes of a shared key (RFC 7518, section 3.2: as long as the hash)
RSA_BITS = 2048  # at least (RFC 7518, section 3.3)
LONGEST_TOKEN = 8000  # characters of a signed identity
PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*)-----END \1-----", re.DOTALL)
LEEWAY_SECONDS = 60  # clocks differ
LONGEST_NAME = 200  # characters


@dataclass(frozen=True, slots=True)
class Settings:
    allowed_origins: tuple[str, ...] = option(
        "Websites die deze chat mogen tonen, zoals https://www.voorbeeldstad.example. Een per regel.",
        label="Websites met deze chat", group="Op uw website", default=())
    phone: str = option(
        "Wie liever belt, ziet dit nummer. Leeg: het venster noemt geen nummer.",
        label="Telefoonnummer", group="Op uw website", default="")
    privacy_url: str = option(
        "Het adres van uw privacyverklaring. Het venster verwijst ernaar.",
        label="Privacyverklaring", group="Op uw website", default="")
    reply_channel: str = option(
        "De mailbox die antwoordt als de bezoeker weg is: de naam van een e-mailkanaal. Ook voor berichten die buiten"
        " de openingstijden komen, en voor wie het gesprek per mail wil krijgen.",
        label="Antwoorden per mail via", group="Antwoorden", default="")
    away_minutes: int = option(
        "Zo lang wachten wij op een bezoeker die wegvalt. Daarna gaat een antwoord per mail, als het adres bekend is.",
        label="Minuten tot een bezoeker weg is", group="Antwoorden", default=5)
    identity_key: Secret = option(
        "Alleen nodig als bezoekers al zijn ingelogd op uw site: de gedeelde sleutel (HS256, minstens 32 tekens) of de"
        " publieke sleutel in PEM (RS256) waarmee u hun identiteit tekent.",
        label="Sleutel van uw site", group="Ingelogde bezoekers", default=Secret(""))
    identity_audience: str = option(
        "Voor wie een getekende identiteit is bedoeld: de waarde van aud.",
        label="Doel (aud)", group="Ingelogde bezoekers", default="newsroom-chat")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the municipality says a visitor is. `subject` is its own number for the person."""

    subject: str
    name: str = ""
    email: str = ""


class NotIdentified(Exception):
    """A signed identity that is not believed. The message says why, for the log: it holds nothing of the token."""


class File(msgspec.Struct, frozen=True):
    """A file; `type` was decided by its content, `content` is base64."""

    name: str
    type: str
    content: str


class Line(msgspec.Struct, frozen=True, tag="newsroom.chat", tag_field="kind"):
    """One line of a visitor."""

    visit: str
    line: str
    text: str
    files: tuple[File, ...] = ()


_decode = msgspec.json.Decoder(Line).decode


class Chat:
    """The channel of live chat."""

    name = "chat"
    title = "Livechat"
    Settings = Settings
    # a reply stands in our own store the moment it is written: sending it twice shows it once
    capabilities = Capabilities(longest_text=LINE_CHARACTERS, attachment_types=ATTACHMENT_TYPES,
                                attachment_bytes=20_000_000, idempotency_key=True, live=True)
    hostile_input = False

    def __init__(self, settings: Settings):
        self.settings = settings

    @staticmethod
    def parse(delivery: Delivery) -> list[Incoming]:
        """The one line; what is none is shown, with the original to open."""
        try:
            return [clean_item(_read(delivery))]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author(PERSON, ""),
                             kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", "chat-unknown"))]

    async def check(self) -> list[Step]:
        """What can be said without asking anybody: the settings themselves."""
        settings = self.settings
        wrong = next((one for one in settings.allowed_origins if not _is_address(one, whole=False)), "")
        steps = [Step("Websites", not wrong, ", ".join(settings.allowed_origins), wrong and
                      f"{wrong} is geen website. Vul bijvoorbeeld https://www.voorbeeldstad.example in.")]
        if settings.privacy_url:
            good = _is_address(settings.privacy_url, whole=True)
            steps.append(Step("Privacyverklaring", good, settings.privacy_url, "" if good else
                              "Dit is geen adres van een pagina. Begin met https://."))
        good = 1 <= settings.away_minutes <= 1440
        steps.append(Step("Minuten tot een bezoeker weg is", good, "" if not good else f"{settings.away_minutes}",
                          "" if good else "Vul een getal in van 1 tot en met 1440."))
        if settings.identity_key:
            problem = _key_problem(settings)
            steps.append(Step("Sleutel van uw site", not problem, "", problem))
        steps.append(Step("Antwoorden per mail", True, f"via {settings.reply_channel}" if settings.reply_channel else
                          "geen mailbox gekozen: wie weg is kan geen antwoord per mail krijgen"))
        return steps

    async def send(self, outgoing: Outgoing) -> Sent:
        """The panel of the visitor fetches what was sent: it is there from this moment."""
        if not any(person.kind == PERSON for person in outgoing.to):
            raise Refused("Dit antwoord is voor niemand in de chat.")
        return Sent(outgoing.external_id, datetime.now(UTC))

    async def close(self) -> None:
        pass

    def identify(self, token: str, at: datetime) -> Identity:
        """The visitor whom a JSON Web Token names. Raises `NotIdentified`, always so without a configured key.

        The key decides the algorithm, never the token. `exp`, `aud` and `sub` must be there (RFC 7519)."""
        settings = self.settings
        if not settings.identity_key or len(token) > LONGEST_TOKEN:
            raise NotIdentified("no key is configured" if not settings.identity_key else "the token is too long")
        try:
            key, algorithm = _key(settings.identity_key)
            claims = jwt.decode(token, key, algorithms=[algorithm]).claims
            jwt.JWTClaimsRegistry(
                now=int(at.timestamp()), leeway=LEEWAY_SECONDS, exp={"essential": True}, sub={"essential": True},
                aud={"essential": True, "value": settings.identity_audience}).validate(claims)
        except (JoseError, ValueError, TypeError, UnicodeError, RecursionError) as error:
            raise NotIdentified(type(error).__name__) from error
        found = Identity(*(_claim(claims, name) for name in ("sub", "name", "email")))
        if not found.subject:
            raise NotIdentified("sub is no text")
        return found


def body(visit: str, line: str, text: str, files: Sequence[tuple[str, str, bytes]] = ()) -> bytes:
    """The bytes of a line, equal on every try; `files` are (name, type, content)."""
    return msgspec.json.encode(Line(visit, line, text, tuple(
        File(name, type, base64.b64encode(content).decode()) for name, type, content in files)))


def key(visit: str, line: str) -> DeliveryKey:
    """The key of the delivery of a line."""
    return DeliveryKey(f"{visit}/{line}")


def line_of(external_id: str) -> str:
    """The client's own id of a line, from the id of its message."""
    return external_id.partition("/")[2]


def _read(delivery: Delivery) -> Incoming:
    sent, about = _decode(delivery.body), delivery.meta
    text, name = values.mask(sent.text), about.get("name", "")
    left = about.get("source", "") == LEFT
    details = [("Pagina", about["page"])] if left and about.get("page") else []
    return Incoming(
        ExternalId(key(sent.visit, sent.line)), delivery.received_at,
        values.author(name, about.get("email", ""), "") if left else Author(PERSON, sent.visit, name),
        text=text, details=tuple(details), language=about.get("language", ""),
        answers_to=() if left else (ExternalId(sent.visit),),
        attachments=tuple(values.file(one.name, one.content, one.type) for one in sent.files),
        problems=(values.MASKED,) if text != sent.text else ())


def _key(secret: Secret) -> tuple[OctKey | RSAKey, str]:
    """The key with its only algorithm. Raises `ValueError`."""
    text = secret.reveal().strip()
    if armour := PEM.fullmatch(text):
        name, packed = armour[1], "".join(armour[2].split())  # pasted on one line, its line ends are gone
        found = RSAKey.import_key(f"-----BEGIN {name}-----\n{packed}\n-----END {name}-----\n")
        if found.is_private:
            raise ValueError("a private key")
        if found.raw_value.key_size < RSA_BITS:
            raise ValueError("too short")
        return found, "RS256"
    if len(text.encode()) < SHORTEST_KEY:
        raise ValueError("too short")
    return OctKey.import_key(text), "HS256"


def _key_problem(settings: Settings) -> str:
    if not settings.identity_audience.strip():
        return "Vul ook het doel (aud) in. Anders geldt een identiteit die voor iets anders is getekend hier ook."
    try:
        _key(settings.identity_key)
    except (JoseError, ValueError, TypeError) as error:
        if str(error) == "a private key":
            return "Dit is de geheime helft van de sleutel. Die houdt uw site zelf: vul hier de publieke sleutel in."
        return (f"Deze sleutel is niet te gebruiken. Neem minstens {SHORTEST_KEY} tekens, of een publieke RSA-sleutel"
                f" in PEM van minstens {RSA_BITS} bits.")
    return ""


def _claim(claims: dict, name: str) -> str:
    value = claims.get(name, "")
    return " ".join(value.split())[:LONGEST_NAME] if isinstance(value, str) else ""


def _is_address(text: str, whole: bool) -> bool:
    try:
        parts = urlsplit(text)
        rest = parts.path or parts.query or parts.fragment
        return parts.scheme in ("https", "http") and bool(parts.hostname) and (whole or not rest) \
            and not any(one in text for one in " ;,'\"<>")
    except ValueError:
        return False
