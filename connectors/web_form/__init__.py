"""Web forms: our own pages, JSON over HTTP, and registrations of Open Formulieren (plugin `generic_json`).

Which of the three a delivery is stands in `meta["source"]`: `form`, `open_forms`, or nothing for plain JSON. A form
is answered over e-mail, so this channel sends nothing itself: `reply_channel` names the mailbox that answers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from connectors import (
    Author,
    Capabilities,
    Delivery,
    DeliveryKey,
    ExternalId,
    Incoming,
    Kind,
    NotVerified,
    Outgoing,
    Refused,
    Secret,
    Sent,
    Step,
    clean_item,
    option,
)
from connectors.web_form import message, registration, submission

FORM, OPEN_FORMS = "form", "open_forms"  # values of meta["source"]
SHORTEST_KEY = 20  # characters of an API key; shorter ones can be guessed


@dataclass(frozen=True, slots=True)
class Settings:
    reply_channel: str = option(
        "De mailbox waaruit u antwoordt: de naam van een e-mailkanaal. Leeg: er kan niet worden geantwoord.",
        label="Antwoorden via", group="Antwoorden", default="")
    allowed_origins: tuple[str, ...] = option(
        "Websites die dit formulier in een kader mogen tonen, zoals https://www.voorbeeldstad.example.",
        label="Websites met dit formulier", group="Op uw website", default=())
    api_header: str = option(
        "De naam van de header waarin Open Formulieren de sleutel meestuurt.",
        label="Header", group="Open Formulieren", default="Authorization")
    api_key: Secret = option(
        "De waarde van die header: minstens 20 tekens. Zonder sleutel neemt dit kanaal niets aan van Open Formulieren.",
        label="Sleutel", group="Open Formulieren", default=Secret(""))


class WebForm:
    """The channel of web forms. Pushed to; sends nothing."""

    name = "web_form"
    title = "Webformulier"
    Settings = Settings
    capabilities = Capabilities(longest_subject=200, attachment_types=(), sends=False)
    hostile_input = False

    def __init__(self, settings: Settings):
        self._settings = settings

    @staticmethod
    def parse(delivery: Delivery) -> list[Incoming]:
        """One item for each delivery; what is not in a form we know is shown, with the original to open."""
        source = delivery.meta.get("source", "")
        try:
            read = {FORM: submission.read, OPEN_FORMS: registration.read}.get(source, message.read)
            return [clean_item(read(delivery))]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return [Incoming(ExternalId(delivery.key), delivery.received_at, Author("form", ""),
                             kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", "form-unknown"))]

    def verify(self, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Delivery:
        """A registration of Open Formulieren. Raises `NotVerified`, always so without a configured key.

        It is tried again with the same `public_reference`; a body without one is kept under its own hash.
        """
        given = next((value for name, value in headers.items() if name.lower() == self._settings.api_header.lower()),
                     "")
        expected = self._settings.api_key.reveal()
        # bytes of any kind may stand in a header
        if len(expected) < SHORTEST_KEY or not hmac.compare_digest(given.encode(errors="surrogateescape"),
                                                                   expected.encode()):
            raise NotVerified("the API key is missing or wrong")
        key = registration.key(body) or "sha256:" + hashlib.sha256(body).hexdigest()
        return Delivery(DeliveryKey(key), body, received_at, "application/json", {"source": OPEN_FORMS})

    async def check(self) -> list[Step]:
        """What can be said without asking anybody: the settings themselves."""
        settings = self._settings
        wrong = [origin for origin in settings.allowed_origins if not _is_origin(origin)]
        steps = [Step("Websites", not wrong, ", ".join(settings.allowed_origins), wrong and
                      f"{wrong[0]} is geen website. Vul bijvoorbeeld https://www.voorbeeldstad.example in." or "")]
        if settings.api_key:
            long_enough = len(settings.api_key.reveal()) >= SHORTEST_KEY
            steps.append(Step("Sleutel van Open Formulieren", long_enough, "", "" if long_enough else
                              f"De sleutel is te kort. Neem minstens {SHORTEST_KEY} tekens."))
        steps.append(Step("Antwoorden", True, f"via {settings.reply_channel}" if settings.reply_channel else
                          "geen mailbox gekozen: op dit formulier kan niet worden geantwoord"))
        return steps

    async def send(self, outgoing: Outgoing) -> Sent:
        raise Refused("Een formulier kan zelf niets versturen. Kies bij dit kanaal een mailbox die antwoordt.")

    async def close(self) -> None:
        pass


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("https", "http") and bool(parts.hostname) and not (parts.path or parts.query)
