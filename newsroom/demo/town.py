"""The municipality itself: teams, people, channels, labels and reasons, from content/town.toml."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from newsroom import absence, account, canned, form, password, setting, shift
from newsroom.access import PERMISSIONS
from newsroom.canned import CannedAnswer
from newsroom.change import By
from newsroom.conversation import NORMAL, URGENT
from newsroom.database import Connection
from newsroom.demo.script import read
from newsroom.demo.shift import begins, days_off
from newsroom.demo.volume import ZONE
from newsroom.form import Form

DOMAIN = "voorbeeldstad.example"
TOLD = {"phone": "called", "counter": "spoken", "post": "letter"}  # how an answer is given at the desk
MARK = "demo"  # the setting that says that nothing here is real
AT_WORK = timedelta(weeks=9)  # as long everything has been there when the demo begins
PLANNED_BEFORE, PLANNED_AFTER = 14, 28  # days around today with their shifts filled in
PASSWORD = "demo_password"  # the setting with the password that everybody here has; its page shows it

# the form that everybody begins with, with the subjects of the town and a title for the board
FORM = replace(form.QUESTION, fields=(
    replace(form.QUESTION.fields[0], role="", options=(
        "Afval en straat | Waste and streets", "Paspoort en rijbewijs | Passport and driving licence",
        "Verhuizen | Moving house", "Parkeren | Parking", "Belastingen | Taxes",
        "Werk, geld en zorg | Work, money and care", "Iets anders | Something else")),
    form.Field("kort", "Uw vraag in een paar woorden | Your question in a few words", "text", step=2, required=True,
               role="subject"),
    *form.QUESTION.fields[1:]))


@dataclass(frozen=True, slots=True)
class Town:
    """The ids of everything by the names that the scripts use. `kinds`, `addresses` and `answers_with` are by
    channel: its connector, its own address, and the mailbox that answers for a form; `names` are those of people."""

    teams: dict[str, int]
    people: dict[str, int]
    channels: dict[str, int]
    kinds: dict[str, str]
    addresses: dict[str, str]
    answers_with: dict[str, str]
    names: dict[str, str]
    labels: dict[str, int]
    reasons: dict[str, int]
    form: Form


async def build(connection: Connection, at: datetime) -> Town:
    """Make it, in an empty database."""
    plan = read("town.toml")
    # one calendar for everybody, and one without an end
    hours = {key: await connection.fetchval("insert into hours (name, blocks, always) values ($1, $2, $3) returning id",
                                            one["name"], one.get("blocks", []), one.get("always", False))
             for key, one in plan["hours"].items()}
    # the teams; of a restricted one only members see the conversations
    teams = {key: await connection.fetchval("insert into team (name, restricted, hours_id) values ($1, $2, $3)"
                                            " returning id", one["name"], one.get("restricted", False), hours["office"])
             for key, one in plan["teams"].items()}
    known = f"voorbeeld-{secrets.token_hex(4)}"
    hashed = await password.hash(known)
    people = {key: await _person(connection, one, teams, hashed, at) for key, one in plan["people"].items()}
    for key, (first, last) in days_off(plan["people"], at).items():
        await absence.away(connection, people[key], first, last, By(people[key], at))
    await shift.plan(connection, _shifts(plan, people, at))
    channels = {key: await _channel(connection, one, plan, teams, hours, at - AT_WORK)
                for key, one in plan["channels"].items()}
    # labels, and topics, which are drawn in purple
    labels = {name: await connection.fetchval("insert into label (name, topic) values ($1, $2) returning id",
                                              name, topic)
              for topic, names in ((True, plan["labels"]["topics"]), (False, plan["labels"]["plain"]))
              for name in names}
    # why a conversation ends
    reasons = {key: await connection.fetchval("insert into close_reason (name_nl, name_en, outcome)"
                                              " values ($1, $2, $3) returning id", *one.values())
               for key, one in plan["reasons"].items()}
    for one in plan["canned"]:
        await canned.save(connection, CannedAnswer(0, one["name"], one["body"], teams.get(one.get("team", "")),
                                                   people[one["owner"]]), By(people[one["owner"]], at - AT_WORK))
    made = await form.save(connection, replace(FORM, channel_id=channels["form"]))
    await setting.write(connection, MARK, True)
    await setting.write(connection, PASSWORD, known)
    addresses = {key: one.get("address", "") for key, one in plan["channels"].items()}
    answers_with = {key: one.get("answers_with", key) for key, one in plan["channels"].items()}
    kinds = {key: one["kind"] for key, one in plan["channels"].items()}
    names = {key: one["name"] for key, one in plan["people"].items()}
    return Town(teams, people, channels, kinds, addresses, answers_with, names, labels, reasons, made)


async def is_there(connection: Connection) -> bool:
    """Whether this database has a municipality already, invented or real."""
    # anything that the scripts could disturb
    return await connection.fetchval("select exists(select from channel) or exists(select from team)"
                                     " or exists(select from account)")


def _shifts(plan: Mapping[str, Any], people: Mapping[str, int],
            at: datetime) -> Iterator[tuple[int, datetime, datetime, bool]]:
    """The shifts of last week and of the weeks to come; the chef dag leads by day."""
    today = at.astimezone(ZONE).date()
    for days in range(-PLANNED_BEFORE, PLANNED_AFTER):
        for person, since, until in begins(plan["shifts"], today + timedelta(days=days)):
            roles = plan["people"][person]["roles"]
            if not PERMISSIONS["work"].isdisjoint(roles):
                yield people[person], since, until, "chef_dag" in roles


async def _person(connection: Connection, one: Mapping[str, Any], teams: Mapping[str, int], hashed: str,
                  at: datetime) -> int:
    email = one["name"].lower().replace(" ", ".") + f"@{DOMAIN}"
    id = await account.create(connection, email, one["name"], at)
    await account.set_password(connection, id, hashed, at)
    # nobody is signed in yet, so nobody needs to be told
    await connection.execute("update account set roles = $2 where id = $1", id, one["roles"])
    await connection.executemany("insert into account_team (account_id, team_id) values ($1, $2)",
                                 [(id, teams[team]) for team in one["teams"]])
    return id


async def _channel(connection: Connection, one: Mapping[str, Any], plan: Mapping[str, Any], teams: Mapping[str, int],
                   hours: Mapping[str, int], since: datetime) -> int:
    mailbox = one["kind"] == "email"
    settings = dict(one.get("settings", {}))
    if mailbox:
        settings = {"address": one["address"], "display_name": "Gemeente Voorbeeldstad", "imap_host": f"imap.{DOMAIN}",
                    "smtp_host": f"smtp.{DOMAIN}"}
    elif "answers_with" in one:
        settings["reply_channel"] = plan["channels"][one["answers_with"]]["name"]
    style = {f"signature_{part}": text.strip() for part, text in plan["signature"].items()} if mailbox else {}
    # it works since long
    id = await connection.fetchval(
        "insert into channel (kind, name, address, team_id, hours_id, settings, house_style, health, health_since)"
        " values ($1, $2, $3, $4, $5, $6, $7, 'ok', $8) returning id",
        one["kind"], one["name"], one.get("address", ""), teams[one["team"]], hours[one.get("opening", "office")],
        settings, style, since)
    await connection.executemany(
        # the norm for a first answer
        "insert into target (channel_id, priority, amount, unit) values ($1, $2, $3, $4)",
        [(id, NORMAL, one["target"], one.get("unit", "working_days")), (id, URGENT, one["urgent_minutes"], "minutes")])
    return id
