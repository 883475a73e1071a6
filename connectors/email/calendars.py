"""A calendar invitation (RFC 5545) as lines a person can read: what, when, where, who."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.email.limits import CALENDAR_CHARACTERS, CALENDAR_EVENTS, Notes

_OURS = ZoneInfo("Europe/Amsterdam")
_OUR_NAMES = frozenset({"", "Europe/Amsterdam", "W. Europe Standard Time", "Romance Standard Time",
                        "Europe/Brussels", "Europe/Berlin", "Europe/Paris"})  # all the same clock
_FOLD = re.compile(r"\n[ \t]")
_ESCAPED = re.compile(r"\\([nN,;\\])")
_DURATION = re.compile(r"P(?:(\d{1,3})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:\d+S)?)?")
_KINDS = {"REQUEST": "Uitnodiging", "CANCEL": "Geannuleerd", "REPLY": "Antwoord op uitnodiging",
          "COUNTER": "Ander voorstel", "PUBLISH": "Afspraak"}
_ANSWERS = {"ACCEPTED": "komt", "DECLINED": "komt niet", "TENTATIVE": "komt misschien"}
_REPEATS = {"DAILY": "elke dag", "WEEKLY": "elke week", "MONTHLY": "elke maand", "YEARLY": "elk jaar"}
_DAYS = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
_MONTHS = ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober",
           "november", "december")

_Field = tuple[str, dict[str, str]]  # value and parameters


def describe(text: str, notes: Notes) -> str:
    """The events of a calendar in Dutch, one block each; empty with `broken-calendar` when there are none."""
    method, events = _events(_FOLD.sub("", text[:CALENDAR_CHARACTERS]))
    if not events:
        notes.add("broken-calendar")
    return "\n\n".join(_block(_KINDS.get(method, "Afspraak"), event) for event in events)


def _events(text: str) -> tuple[str, list[dict[str, _Field]]]:
    method, events, depth = "PUBLISH", [], 0
    for line in text.split("\n"):
        head, _, value = _partition(line)
        name, *given = head.split(";")
        name = name.strip().upper()
        if name == "METHOD":
            method = value.strip().upper()
        elif name == "BEGIN":
            depth += bool(events) and depth > 0
            if value.strip().upper() == "VEVENT" and len(events) < CALENDAR_EVENTS and not depth:
                events.append({})
                depth = 1
        elif name == "END":
            depth = max(depth - 1, 0)
        elif depth == 1 and events:  # not inside an alarm
            pairs = (one.partition("=") for one in given)
            events[-1].setdefault(name, (value.strip(), {key.upper(): it.strip('"') for key, _, it in pairs}))
    return method, events


def _partition(line: str) -> tuple[str, str, str]:
    """At the first colon outside quotes."""
    colon = line.find(":")
    if '"' in line[:colon]:
        pieces = line.split('"')
        at = 0
        for number, piece in enumerate(pieces):
            if number % 2 == 0 and ":" in piece:
                colon = at + piece.index(":")
                break
            at += len(piece) + 1
    return (line[:colon], ":", line[colon + 1:]) if colon >= 0 else (line, "", "")


def _block(kind: str, event: dict[str, _Field]) -> str:
    lines = [f"{kind}: {_plain(event, 'SUMMARY') or '(zonder titel)'}"]
    if when := _when(event):
        lines.append(f"Wanneer: {when}")
    if repeats := _REPEATS.get(_plain(event, "RRULE").partition("FREQ=")[2].partition(";")[0].upper()):
        lines.append(f"Herhaalt: {repeats}")
    if where := _plain(event, "LOCATION"):
        lines.append(f"Waar: {where}")
    if organiser := _person(event, "ORGANIZER"):
        lines.append(f"Organisator: {organiser}")
    if answer := _ANSWERS.get(event.get("ATTENDEE", ("", {}))[1].get("PARTSTAT", "").upper()):
        lines.append(f"Genodigde: {_person(event, 'ATTENDEE')} ({answer})")
    if text := _plain(event, "DESCRIPTION", keep_lines=True):
        lines += ["", text]
    return "\n".join(lines)


def _plain(event: dict[str, _Field], name: str, keep_lines: bool = False) -> str:
    value = _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], event.get(name, ("", {}))[0])
    return value.strip() if keep_lines else " ".join(value.split())


def _person(event: dict[str, _Field], name: str) -> str:
    value, given = event.get(name, ("", {}))
    address = value[7:] if value.lower().startswith("mailto:") else value
    called = given.get("CN", "")
    return f"{called} <{address}>" if called and address and called != address else called or address


def _when(event: dict[str, _Field]) -> str:
    value, given = event.get("DTSTART", ("", {}))
    start = _moment(value)
    if start is None:
        return value
    end = _moment(event.get("DTEND", ("", {}))[0]) or _after(start, event.get("DURATION", ("", {}))[0])
    zone = given.get("TZID", "")
    note = "" if zone in _OUR_NAMES or value.endswith("Z") else f" (tijdzone {zone})"
    if not isinstance(start, datetime):
        last = end - timedelta(days=1) if end and not isinstance(end, datetime) else start
        return f"{_day(start)}, hele dag" if last <= start else f"{_day(start)} tot en met {_day(last)}"
    if not isinstance(end, datetime) or end <= start:
        return f"{_day(start)}, {start:%H:%M}{note}"
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{_day(end)}, {end:%H:%M}"
    return f"{_day(start)}, {start:%H:%M} tot {until}{note}"


def _moment(value: str) -> date | None:
    """A day, or a moment on the clock of its own zone (of ours, when it was UTC), without offset."""
    try:
        if len(value) == 8:
            return datetime.strptime(value, "%Y%m%d").date()
        moment = datetime.strptime(value[:15], "%Y%m%dT%H%M%S")
        if value.endswith("Z"):
            moment = moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(_OURS).replace(tzinfo=None)
        return moment
    except (ValueError, OverflowError):
        return None


def _after(start: date, duration: str) -> date | None:
    found = _DURATION.fullmatch(duration)
    if not found or not duration:
        return None
    weeks, days, hours, minutes = (int(number or 0) for number in found.groups())
    try:
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    except OverflowError:
        return None


def _day(day: date) -> str:
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"
