"""New messages for the demo, now and then, so that the board moves while somebody looks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from connectors import Delivery
from newsroom import delivery, form
from newsroom.database import Connection, Database
from newsroom.demo import post
from newsroom.demo.past import DAY, WEEK, ZONE
from newsroom.demo.script import read

# Mails and forms of 120,000 inhabitants on a working day.
MESSAGES_A_DAY = 40.0
FEWEST_AN_HOUR = 2.0  # a demo is looked at in the evening too
FIRST_SECONDS = 20.0  # whoever starts it soon sees something come in
LONGEST_NAP = 60.0  # seconds until the hour is looked at again
FORM = "vraag"  # the address of the form

log = structlog.get_logger()


async def trickle(database: Database, bell: Callable[[], None], speed: float) -> None:
    """Bring messages until cancelled, `speed` times as fast as in a real municipality; 0: none."""
    if speed <= 0:
        return
    chance = random.Random()
    letters = endless(chance)
    wait = FIRST_SECONDS / speed
    while True:
        nap = min(wait, LONGEST_NAP)
        await asyncio.sleep(nap)
        if wait <= nap:
            try:
                async with database.transaction() as connection:
                    await bring(connection, next(letters), datetime.now(UTC))
                bell()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("the demo waits for the database", error=type(error).__name__)
        # without memory: a new draw after each nap is as good as the rest of the old one
        wait = chance.expovariate(an_hour(datetime.now(UTC)) * speed / 3600)


def an_hour(at: datetime) -> float:
    """How many messages come in an hour like this one."""
    local = at.astimezone(ZONE)
    return max(MESSAGES_A_DAY * WEEK[local.weekday()] * DAY[local.hour] / 100, FEWEST_AN_HOUR)


def endless(chance: random.Random) -> Iterator[dict[str, str]]:
    """Messages, each from somebody else in another street: {via, sender, subject, text}. None comes again before all
    others have come."""
    plan = read("trickle.toml")
    while True:
        for one in chance.sample(plan["message"], len(plan["message"])):
            first, last, street = (chance.choice(plan["names"][kind]) for kind in ("first", "last", "street"))
            address = f"{first}.{last.replace(' ', '')}{chance.randrange(10, 99)}@post.example".lower()
            filled = {"straat": street, "nummer": str(chance.randrange(2, 240)), "naam": first}
            yield {"via": one.get("via", "info@"), "sender": f"{first} {last} <{address}>",
                   "subject": one["subject"].format(**filled), "text": one["text"].format(**filled)}


async def bring(connection: Connection, letter: dict[str, str], at: datetime) -> None:
    """Store one message as its source would hand it over; intake reads it."""
    key = f"demo/{time.time_ns()}"
    # the mailboxes, and the form's channel
    channels = await connection.fetch("select id, kind, address from channel where archived_at is null order by id")
    found = await _form(connection, key, letter, at) if letter["via"] == "form" else None
    if found is None:
        row = next((row for row in channels if row["kind"] == "email" and row["address"].startswith(letter["via"])),
                   next((row for row in channels if row["kind"] == "email"), None))
        if row is None:
            return  # an administrator archived every mailbox
        found = row["id"], post.mail(key, letter["sender"], row["address"], letter["subject"], letter["text"], at)
    await delivery.store(connection, [found])
    # the channel's last sign of life
    await connection.execute("update channel set last_in_at = $2 where id = $1", found[0], at)


async def _form(connection: Connection, key: str, letter: dict[str, Any], at: datetime) -> tuple[int, Delivery] | None:
    served = await form.find(connection, FORM)
    if served is None:
        return None  # taken off the site: people mail instead
    answers = post.given(letter["sender"], letter["subject"], letter["text"], {})
    return served.form.channel_id, post.filled_in(key, served.form, answers, at)
