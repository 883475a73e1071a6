"""The play: one step of a script after the other, each through the verb that the screens use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from connectors import Delivery, DeliveryKey, connectors
from newsroom import board, chat, conversation, delivery, message, reply, sending, term, triage
from newsroom.conversation import PRIORITIES, Conversation
from newsroom.database import Connection
from newsroom.demo import post
from newsroom.demo.letter import TOPICS, Answered, Letter
from newsroom.demo.script import Script, Step
from newsroom.demo.source import hand_over, new_post_id
from newsroom.demo.town import DOMAIN, TOLD, Town
from newsroom.intake import Intake
from newsroom.message import Message
from newsroom.reply import HOLD, Composed, Via
from newsroom.triage import By

HOUR = timedelta(hours=1)  # how often the clocks are looked at
AS_THEY_CAME = ("mastodon", "webhook", "chat")  # kinds that are answered where they were asked


@dataclass(slots=True)
class Course:
    """How far a conversation has come: its id, our last reply, the ids to refer to; the visit of who chats."""

    id: int = 0
    visit: chat.Visit | None = None
    answered: Message | None = None
    references: list[str] = field(default_factory=list)


class Play:
    """Plays scripts on one connection. `clock.at` is the moment of the play."""

    def __init__(self, connection: Connection, intake: Intake, town: Town, secret: bytes, clock: Any):
        self.deliveries = 0
        self._connection = connection
        self._intake = intake
        self._town = town
        self._secret = secret
        self._clock = clock
        self._kinds = connectors()
        self._courses: dict[str, Course] = {}
        self._ticked: datetime | None = None

    async def tick(self, at: datetime, always: bool = False) -> None:
        """Go on to `at`; what passed its term on the way becomes late."""
        self._clock.at = at
        if self._ticked is None or at - self._ticked >= HOUR or always:
            self._ticked = at
            while await term.tick(self._connection, at):
                pass

    async def do(self, script: Script, place: int) -> None:
        """The first message (place 0) or a step (1 and up) of a script, now."""
        name = script.key or f"{script.sender}/{script.subject}/{script.when}"
        course = self._courses.setdefault(name, Course())
        if place == 0:
            return await self._open(script, course)
        step = script.steps[place - 1]
        if step.verb in RESIDENT:
            return await RESIDENT[step.verb](self, script, course, step)
        row = (await conversation.lock(self._connection, [course.id]))[course.id]
        by = By(self._town.people[step.who], self._clock.at)
        await STAFF[step.verb](self, script, course, row, by, step.more)

    async def _open(self, script: Script, course: Course) -> None:
        key, at, kind = self._key(), self._clock.at, self._town.kinds[script.via]
        if kind == "chat":
            course.visit, _ = await chat.begin(self._connection, self._town.channels[script.via], at, "nl",
                                               name=script.sender, email=script.extra.get("email", ""))
        if "raw" in script.extra:
            item = Delivery(DeliveryKey(key), script.extra["raw"].encode(), at, "application/json")
        elif kind == "web_form":
            given = post.given(self._letter(script, course, script.text))
            item = post.filled_in(key, self._town.form, given, at)
        elif kind == "email":
            other = self._courses.get(script.extra.get("answers", ""))
            item = post.mail(key, script.sender, self._town.addresses[script.via], script.subject, script.text, at,
                             references=other.references if other else (), extra=script.extra)
        else:
            item = hand_over(kind, key, self._letter(script, course, script.text), "", at)
        course.id = await self._bring(script.via, item, course)

    def _letter(self, script: Script, course: Course, text: str, answers: Answered | None = None) -> Letter:
        """What is said over a channel that is no mailbox."""
        name, address = parseaddr(script.sender) if "@" in script.sender else (script.sender, "")
        by = self._town.names[script.extra["by"]] if "by" in script.extra else ""
        return Letter(name, course.visit.address if course.visit else address, script.subject, text, answers,
                      script.extra.get("phone", ""), by, script.extra.get("photo", ""), TOPICS.get(script.about, ""))

    async def _reply(self, script: Script, course: Course, step: Step) -> None:
        """The resident answers; `who` may be somebody else at the same house."""
        kind, ours = self._town.kinds[script.via], course.answered
        if kind in AS_THEY_CAME:
            answered = Answered(ours.external_id, ours.at, ours.body, (), ours.public) if ours else None
            item = hand_over(kind, self._key(), self._letter(script, course, step.more["text"], answered), "",
                             self._clock.at)
            await self._bring(script.via, item, course)
            return
        via = self._town.answers_with[script.via]
        quoted = (ours.at, f"Gemeente Voorbeeldstad <{self._town.addresses[via]}>", ours.body) if ours else None
        item = post.mail(self._key(), step.who or script.sender, self._town.addresses[via],
                         f"Re: {script.subject}", step.more["text"], self._clock.at, references=course.references,
                         quoted=quoted, headers=step.more.get("headers"), extra=step.more)
        await self._bring(via, item, course)

    async def _leave(self, script: Script, course: Course, step: Step) -> None:
        """The visitor closes the chat."""
        assert course.visit is not None
        await chat.end(self._connection, course.visit, self._clock.at)

    async def _bounce(self, script: Script, course: Course, step: Step) -> None:
        """Our reply comes back."""
        via = self._town.answers_with[script.via]
        item = post.report(self._key(), parseaddr(script.sender)[1], self._town.addresses[via],
                           course.references[-1], step.more["reason"], self._clock.at)
        await self._bring(via, item, course)

    def _key(self) -> str:
        self.deliveries += 1
        return f"demo/{self.deliveries}"

    async def _bring(self, via: str, item: Delivery, course: Course) -> int:
        channel = self._town.channels[via]
        receipt, = await delivery.store(self._connection, [(channel, item)])
        # the channel's last sign of life
        await self._connection.execute("update channel set last_in_at = $2 where id = $1", channel, item.received_at)
        await self._intake.step(slow=False)
        # where it went
        row = await self._connection.fetchrow("select conversation_id, external_id from message"
                                              " where delivery_id = $1", receipt.id)
        course.references.append(row["external_id"])
        return row["conversation_id"]

    async def _answer(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        composed = Composed(f"demo-{row.id}-{row.version}", more["text"].strip(),
                            then=more.get("then", ""), reason=self._town.reasons[more.get("reason", "answered")])
        kind = self._town.kinds[script.via]
        if kind == "desk":
            await reply.told(self._connection, row, by, composed, TOLD[script.via])
            return
        own = script.via if kind in AS_THEY_CAME and not more.get("by_mail") else self._town.answers_with[script.via]
        kind = self._town.kinds[own]
        can = self._kinds[kind].capabilities
        id = await reply.answer(self._connection, row, by, composed,
                                Via(self._town.channels[own], "live", can, DOMAIN, self._secret, kind))
        left = by.at if can.live else by.at + HOLD  # nobody took it back
        sent = sending.Outcome("sent", external_id=new_post_id(left, str(id)) if kind == "mastodon" else "")
        await sending.claim(self._connection, 0, left, (), 1)
        await sending.mark(self._connection, id, sent, left)
        course.answered = (await message.get(self._connection, [id]))[id]
        course.references.append(course.answered.external_id)

    async def _note(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await reply.note(self._connection, row, by, more["text"], f"demo-note-{row.id}-{row.version}")

    async def _claim(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.claim(self._connection, row, by)

    async def _assign(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.assign(self._connection, row, by, self._town.people[more["to"]], row.assignee_id)

    async def _team(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.give_team(self._connection, row, by, self._town.teams[more["to"]], row.team_id)

    async def _label(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.label(self._connection, row, by, [self._town.labels[name] for name in more["add"]], [])

    async def _priority(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.set_priority(self._connection, row, by, PRIORITIES[more["to"]])

    async def _department(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        until = board.day_start(by.at) + timedelta(days=more["days"])
        await triage.move(self._connection, row, by, "department", row.state, more["whom"], until)

    async def _close(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.close(self._connection, row, by, self._town.reasons[more["reason"]], row.last_message_id,
                           more.get("text", ""))

    async def _seal(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.seal(self._connection, row, by, [self._town.people[reader] for reader in more["readers"]])

    async def _spam(self, script: Script, course: Course, row: Conversation, by: By, more: Mapping) -> None:
        await triage.spam(self._connection, row, by, block=True)


RESIDENT: dict[str, Callable[..., Awaitable[None]]] = {"reply": Play._reply, "bounce": Play._bounce,
                                                       "leave": Play._leave}
STAFF: dict[str, Callable[..., Awaitable[None]]] = {
    "answer": Play._answer, "note": Play._note, "claim": Play._claim, "assign": Play._assign, "team": Play._team,
    "label": Play._label, "priority": Play._priority, "department": Play._department, "close": Play._close,
    "seal": Play._seal, "spam": Play._spam}
