"""Fragments of HTML that are the same for everybody of one language: cards, and the entries of a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from newsroom import language
from newsroom.board import Names
from newsroom.conversation import Conversation
from newsroom.event import Event
from newsroom.message import File, Message
from newsroom.web.render import Render

ICONS = {"email": "mail", "web_form": "form", "chat": "chat", "mastodon": "mast", "whatsapp": "wa", "facebook": "fb",
         "instagram": "ig", "desk": "pen"}
OTHER_ICON = "plug"  # of any other system
WARN = ("mastodon",)  # where a subject is a content warning
EVENT_ICONS = {"claimed": "me", "assigned": "me", "team_changed": "people", "moved": "swap", "closed": "check",
               "reopened": "redo", "department_asked": "swap", "late": "alert", "almost_late": "clock",
               "sealed": "lock", "unsealed": "lock", "spam": "shield", "not_spam": "shield", "edited": "pen",
               "withdrawn": "x", "answered_privately": "lock", "begun": "lock", "undone": "back",
               "visitor_left": "chat", "visitor_back": "chat", "transcript_asked": "mail",
               "takeover_asked": "swap", "takeover_allowed": "swap", "takeover_kept": "me", "mentioned": "bell"}
# a message shows what these say, or staff need not see them between the words
SILENT = frozenset({"received", "answered", "answered_elsewhere", "noted", "delivery_state", "unreadable", "bounced",
                    "term_changed", "channel_changed", "rights_changed", "shift_changed", "almost_late",
                    "visitor_named"})
PROBLEMS = ("bounced", "not_sent", "unknown")  # of the row; anything else there: it could not be read
SHORT_SUBJECT = 3


def kind_icon(kind: str) -> str:
    """The icon of a kind of channel."""
    return ICONS.get(kind, OTHER_ICON)


class Fragments:
    """What the feed and the pages share, so that a live change and a fresh page look the same."""

    def __init__(self, render: Render):
        self._render = render

    def card(self, row: Conversation, names: Names, speech: str) -> str:
        """The card of a conversation."""
        kind, channel = names.channels.get(row.channel_id, ("", ""))
        reason = names.reasons.get(row.close_reason_id or 0)
        return self._render.text(
            "board/card.html", speech, row=row, channel=channel, kind_icon=kind_icon(kind),
            assignee=names.accounts.get(row.assignee_id or 0), reason=named(reason, speech),
            asker=names.accounts.get(row.request or 0),
            labels=[names.labels[id] for id in row.labels if id in names.labels],
            problem=row.problem if row.problem in PROBLEMS else "unreadable", **times(speech))

    def entry(self, item: Message | Event, row: Conversation, names: Names, speech: str, files: Sequence[File]) -> str:
        """A message, a note, or the line of an event; empty for an event that shows nothing."""
        if isinstance(item, Event):
            return self._event(item, names, speech)
        kind, channel = names.channels.get(item.channel_id, ("", ""))
        writer = names.accounts.get(item.account_id or 0)
        name = writer[0] if writer else item.author_name if item.author_kind == "desk" else ""
        return self._render.text(
            "conversation/message.html", speech, message=item, row=row, files=files, channel=channel, kind=kind,
            writer=name, subject=_subject(item, row), warning=kind in WARN, **times(speech))

    def _event(self, item: Event, names: Names, speech: str) -> str:
        if item.kind in SILENT:
            return ""
        actor = names.accounts.get(item.actor_id or 0)
        return self._render.text("conversation/event.html", speech, event=item, actor=actor[0] if actor else "",
                                 icon_name=EVENT_ICONS.get(item.kind, "info"), what=_what(item, names, speech),
                                 **times(speech))


def times(speech: str) -> dict[str, Callable[..., Any]]:
    """How templates of fragments write moments: `unix` for the browser, `stamp` for whoever has no JavaScript."""
    return {"unix": unix, "stamp": partial(stamp, speech), "local_day": local_day}


def stamp(speech: str, at: datetime) -> str:
    """The moment in words, "ma 23 nov 10:42"; a burst of cards has few different minutes."""
    return _minute(speech, at.replace(second=0, microsecond=0))


_minute = lru_cache(maxsize=10_000)(lambda speech, at: language.moment(at, speech))


def local_day(at: datetime) -> str:
    """The day in the Netherlands, "2026-11-23"."""
    return at.astimezone(language.AMSTERDAM).date().isoformat()


def unix(at: datetime | None) -> str:
    """Seconds since 1970, whole when they are and as exact as the live feed tells them, or nothing."""
    return repr(at.timestamp()).removesuffix(".0") if at else ""


def named(reason: tuple[str, str, str] | None, speech: str) -> str:
    """A close reason's name."""
    return "" if reason is None else reason[0 if speech == "nl" else 1]


def _what(item: Event, names: Names, speech: str) -> str:
    """What an event changed, in words: the new facet's name."""
    before, after = item.before or {}, item.after or {}
    match item.kind:
        case "assigned":
            found = names.accounts.get(after.get("assignee") or 0)
            return found[0] if found else language.text(speech, "card.nobody")
        case "takeover_asked" | "takeover_allowed" | "takeover_kept" | "mentioned":
            return names.accounts.get(item.data.get("to") or 0, ("", ""))[0]
        case "answered_privately":
            return str(item.data.get("reference", ""))
        case "team_changed":
            return names.teams.get(after.get("team") or 0, "–")
        case "moved":
            return language.text(speech, f"state.{after.get('state', 'new')}")
        case "priority_changed":
            return language.text(speech, f"priority.{('low', 'normal', 'high', 'urgent')[after.get('priority', 1)]}")
        case "labelled":
            old, new = set(before.get("labels", ())), set(after.get("labels", ()))
            signs = [("+", id) for id in sorted(new - old)] + [("−", id) for id in sorted(old - new)]
            return ", ".join(f"{sign} {names.labels[id][0]}" for sign, id in signs if id in names.labels)
    return ""


def _subject(item: Message, row: Conversation) -> str:
    """The message's own subject, when it says more than the conversation's."""
    plain = item.subject.strip()
    while plain.lower().startswith(("re:", "fw:")):
        plain = plain[SHORT_SUBJECT:].strip()
    return "" if plain == row.subject.strip() else item.subject
