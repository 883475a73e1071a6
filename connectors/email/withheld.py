"""How the house is told of a mail that could not be read, or that the mail server would not hand over: it still
stands on the board, with what we know of it.
"""

from __future__ import annotations

from dataclasses import replace

from connectors import Delivery, ExternalId, Incoming, Kind
from connectors.email.parse import parse as parse_whole

WITHHELD = "De mailserver gaf deze e-mail niet. Open hem in de mailbox."


def parse(delivery: Delivery) -> list[Incoming]:
    """As `connectors.email.parse.parse`; meta `problem` says that at most the header was fetched."""
    make = _withheld if "problem" in delivery.meta else _told
    return [make(item, delivery) for item in parse_whole(delivery)]


def _told(item: Incoming, _: Delivery) -> Incoming:
    """What is no mail at all has the code that makes the house say so."""
    if item.kind is not Kind.NOT_UNDERSTOOD or "unreadable" in item.problems:
        return item
    return replace(item, problems=("unreadable", *item.problems))


def _withheld(item: Incoming, delivery: Delivery) -> Incoming:
    """Known by its place alone: two mails of which we have nothing are not one mail."""
    reason = delivery.meta.get("reason", "")
    text = f"{WITHHELD}\n\nAntwoord van de mailserver: {reason}" if reason else WITHHELD
    external_id = item.external_id if "@" in item.external_id else ExternalId(f"key:{delivery.key}")
    return replace(item, external_id=external_id, kind=Kind.NOT_UNDERSTOOD, text=text, identity="", copy_of="",
                   problems=("unreadable", "not-fetched"))
