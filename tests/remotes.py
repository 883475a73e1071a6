"""What stands at the other end of each channel that sends, and one question that came in over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors import Delivery, DeliveryKey, Secret, chat, desk, email, webhook
from connectors.mastodon import gather
from newsroom.chat import thread
from newsroom.demo import post
from tests.connectors.email.dovecot import PASSWORD
from tests.connectors.email.smtp_servers import MailServer
from tests.connectors.mastodon.server import MastodonServer
from tests.connectors.test_webhook import NEW, other_system
from tests.house import START, US

ANNA = "anna@post.example"


@dataclass(frozen=True)
class Remote:
    """`kind` sends with `settings`. `taken` counts what it has of us, `once` says whether it knows a reply that comes
    again."""

    kind: str
    settings: Any
    question: Delivery
    taken: Callable[[Any], Awaitable[int]]
    once: bool = True


@asynccontextmanager
async def mailbox(question: Delivery) -> AsyncIterator[Remote]:
    """A real SMTP server; also answers for channels that do not send."""
    server = MailServer()
    await server.start()

    async def taken(_: Any) -> int:
        return len(server.mails)
    try:
        yield Remote("email", email.Settings(
            address=US, imap_host="127.0.0.1", imap_password=Secret(PASSWORD), smtp_host="127.0.0.1",
            smtp_port=server.port, smtp_security="none"), question, taken, once=False)
    finally:
        await server.stop()


@asynccontextmanager
async def system() -> AsyncIterator[Remote]:
    """Another system, which takes an id once."""
    async with other_system() as other:
        async def taken(_: Any) -> int:
            return len(other.taken)
        event = webhook.Event(id="zaak/1", author=webhook.Person("email", ANNA), text="Hoi")
        yield Remote("webhook", webhook.Settings(secret=Secret(NEW), url=other.url),
                     Delivery(DeliveryKey("evt"), msgspec.json.encode(event), START), taken)


@asynccontextmanager
async def panel() -> AsyncIterator[Remote]:
    """A visitor's panel: it shows what is sent in our own store."""
    async def taken(db: Any) -> int:
        async with db.connection() as connection:
            return len([item for item in (await thread(connection, "v1", 0))[1] if item.direction == "out"])
    yield Remote("chat", chat.Settings(), Delivery(chat.key("v1", "a"), chat.body("v1", "a", "Hoi"), START), taken)


@asynccontextmanager
async def server() -> AsyncIterator[Remote]:
    """A real server with Mastodon's API."""
    made = MastodonServer()
    await made.start()
    try:
        us, anna = await made.person("gemeente"), await made.person("anna")
        asked = await anna.post(f"@{us.name} Hoi")

        async def taken(_: Any) -> int:
            return len(await us.posts())
        home = {"server": f"127.0.0.1:{made.port}", "domain": f"localhost:{made.port}", "account": "0"}
        body = gather.body("post", home, status=gather.settled(asked), files=[])
        yield Remote("mastodon", us.settings(), Delivery(gather.key(asked["id"]), body, START), taken)
    finally:
        await made.stop()


def _form() -> Delivery:
    body = msgspec.json.encode({"text": "Hoi", "email": ANNA})
    return Delivery(DeliveryKey("form"), body, START, "application/json")


def _entry() -> Delivery:
    return Delivery(DeliveryKey("desk"), desk.body(desk.Entry("Hoi", "Sanne", email=ANNA)), START, desk.CONTENT_TYPE)


REMOTES: dict[str, Callable[[], AbstractAsyncContextManager[Remote]]] = {
    "email": lambda: mailbox(post.mail("m1", ANNA, US, "Afval", "Hoi", START)), "web_form": lambda: mailbox(_form()),
    "desk": lambda: mailbox(_entry()), "webhook": system, "chat": panel, "mastodon": server}
