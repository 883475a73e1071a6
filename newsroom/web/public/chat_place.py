"""What a chat says of itself: whether it is open, until when, how long a visitor waits, and the hours in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic

from aiohttp import web

from connectors import ChannelError
from connectors.chat import Chat, Settings
from newsroom import channel, chat, opening, term, theme
from newsroom.channel import Channel, NoChannel
from newsroom.hours import DAY_MINUTES, Hours
from newsroom.language import AMSTERDAM, day, text
from newsroom.opening import Opening
from newsroom.theme import Theme
from newsroom.web.keys import CONNECTOR, DATABASE, now

KNOWN_SECONDS = 2.0  # how old what is said may be
WAITS = (1, 2, 3, 5, 10, 15, 20, 30)  # minutes that are told; longer is "more than half an hour"
SPECIAL_DAYS = timedelta(days=14)  # days that differ are told this long before


@dataclass(frozen=True, slots=True)
class Place:
    """A chat channel of the moment. `minutes` is how long somebody who comes now will wait, about."""

    row: Channel
    settings: Settings
    connector: Chat
    hours: Hours
    opening: Opening
    theme: Theme
    minutes: float
    mailbox: Channel | None

    @property
    def open(self) -> bool:
        return self.row.mode == "live" and self.opening.open

    @property
    def takes(self) -> bool:
        """Whether a message can be left: when the channel is paused nobody reads it, and without a mailbox nobody can
        answer it."""
        return self.row.mode != "paused" and self.opening.takes and self.mailbox is not None


class Places:
    """The chats that were asked for lately, so that a busy page costs the database little."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Place]] = {}

    async def find(self, request: web.Request) -> Place:
        """The chat in this address. Raises `HTTPNotFound`."""
        id = int(request.match_info["channel"])
        known = self._known.get(id)
        if known and monotonic() - known[0] < KNOWN_SECONDS:
            return known[1]
        try:
            connector = await request.app[CONNECTOR](id)
            found = await self._read(request, id, connector) if isinstance(connector, Chat) else None
        except (NoChannel, ChannelError):
            found = None
        if found is None:
            self._known.pop(id, None)
            raise web.HTTPNotFound
        self._known[id] = (monotonic(), found)
        return found

    async def _read(self, request: web.Request, id: int, connector: Chat) -> Place | None:
        at = now(request)
        async with request.app[DATABASE].connection() as connection:
            row = await channel.get(connection, id)
            if row.archived_at is not None:
                return None
            terms = await term.load(connection, at.date())
            minutes = await chat.wait(connection, id, at)
            target = terms.target(id, 1)
            settings = connector.settings
            try:
                mailbox = await channel.by_name(connection, settings.reply_channel)
            except NoChannel:
                mailbox = None
            return Place(row, settings, connector, terms.hours(id, None), await opening.of(connection, id, at),
                         await theme.load(connection),
                         minutes if minutes is not None else target.amount if target.unit == "minutes" else 0.0,
                         mailbox)


def waiting(minutes: float, speech: str) -> str:
    """ "De wachttijd is ongeveer 5 minuten." """
    if minutes > WAITS[-1]:
        return text(speech, "chat.wait_long")
    return text(speech, "chat.wait", n=next(step for step in WAITS if minutes <= step))


def standing(place: Place, at: datetime, speech: str) -> dict[str, object]:
    """What the panel tells: open and until when; or when it opens again, or what somebody wrote for the public."""
    found = place.opening
    if place.open and found.state == "calamity":
        told = found.text(speech) or text(speech, "public.opening.calamity_text")
        return {"open": True, "line": text(speech, "public.opening.calamity"), "opens": "", "target": "",
                "wait": f"{told} {waiting(place.minutes, speech)}"}
    if place.open:
        soon = found.until and found.until - at < timedelta(days=1)
        until = text(speech, "chat.open_until", time=_clock(found.until)) if soon else text(speech, "chat.open")
        return {"open": True, "line": until, "wait": waiting(place.minutes, speech), "opens": "", "target": ""}
    usual = _opens(found.opens_at, at, speech) if found.opens_at and place.row.mode == "live" \
        else text(speech, "chat.not_now")
    return {"open": False, "line": text(speech, "chat.closed_now"), "wait": "",
            "opens": found.text(speech) or usual, "target": found.target}


def week(hours: Hours, at: datetime, speech: str) -> list[tuple[str, str]]:
    """The hours as people write them: days with the same hours together, then the days that differ soon."""
    if hours.always:
        return [(text(speech, "chat.every_day"), text(speech, "chat.always"))]
    days = [tuple(sorted((one.start, one.end) for one in hours.blocks if one.weekday == number))
            for number in range(7)]
    rows, start = [], 0
    for number in range(1, 8):
        if number == 7 or days[number] != days[start]:
            if days[start]:
                rows.append((_days(start, number - 1, speech), _times(days[start], speech)))
            start = number
    today = at.astimezone(AMSTERDAM).date()
    soon = sorted(one for one in hours.special if today <= one <= today + SPECIAL_DAYS)
    return rows + [(day(one, speech), _times(hours.special[one], speech)) for one in soon
                   if tuple(hours.special[one]) != days[one.weekday()]]


def _days(first: int, last: int, speech: str) -> str:
    names = [text(speech, f"weekday.{number}") for number in (first, last)]
    return names[0] if first == last else text(speech, "chat.days", first=names[0], last=names[1])


def _times(blocks: Sequence[tuple[int, int]], speech: str) -> str:
    if not blocks:
        return text(speech, "chat.day_closed")
    parts = [text(speech, "chat.times", start=_minute(start), end=_minute(end)) for start, end in blocks]
    return f" {text(speech, 'chat.and')} ".join(parts)


def _opens(at: datetime, now: datetime, speech: str) -> str:
    """ "Vandaag, maandag, is de chat weer open om 9:00 uur." """
    local, today = at.astimezone(AMSTERDAM), now.astimezone(AMSTERDAM).date()
    name = text(speech, f"weekday.{local.weekday()}")
    ahead = (local.date() - today).days
    key = ("chat.opens_today", "chat.opens_tomorrow")[ahead] if ahead < 2 else "chat.opens_on"
    return text(speech, key, day=name, date=_date(local.date(), speech), time=_clock(at))


def _date(one: date, speech: str) -> str:
    return f"{one.day} {text(speech, f'month.{one.month}')}"


def _clock(at: datetime) -> str:
    """9:00, as the public writes it."""
    local = at.astimezone(AMSTERDAM)
    return f"{local.hour}:{local:%M}"


def _minute(minute: int) -> str:
    hour, rest = divmod(minute - DAY_MINUTES if minute > DAY_MINUTES else minute, 60)
    return f"{hour}:{rest:02}"
