"""The channel: a connector with its settings, its health, and where it stopped reading.

Credentials are encrypted for this channel alone, and can be replaced but never read back on a screen. Every change
is one transaction with a `channel_changed` event and a line in the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import asyncpg
import nh3
import structlog

from connectors import Connector, Proving, Renewing, Secret, SignInNeeded, Step
from newsroom import change, option
from newsroom.change import By, Wrong
from newsroom.database import Connection, Database
from newsroom.event import Draft, record
from newsroom.secret import CannotDecrypt, Keys

Mode = Literal["reading", "live", "paused"]
MODES: tuple[Mode, ...] = ("reading", "live", "paused")
BAD = ("faltering", "down")  # of the healths new, ok, faltering, down
LONGEST_NAME, LONGEST_SIGNATURE = 100, 9000  # characters
STYLE = {"signature_text": "", "signature_html": ""}
# a signature may hold what mail programs show alike; a logo is a link to the municipality's own site
SIGNATURE_TAGS = {"a", "b", "br", "div", "em", "i", "img", "p", "span", "strong", "table", "tbody", "td", "tr"}
SIGNATURE_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "width", "height"}, "td": {"width", "valign", "align"}}

log = structlog.get_logger("newsroom.channel")


@dataclass(frozen=True, slots=True)
class Channel:
    """One row. `secrets` is encrypted; `checked` are the steps of the last check, each {name, ok, detail, problem}."""

    id: int
    kind: str
    name: str
    address: str = ""
    mode: Mode = "live"
    team_id: int | None = None
    hours_id: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    secrets: bytes | None = field(default=None, repr=False)
    cursor: dict[str, Any] = field(default_factory=dict)
    house_style: dict[str, str] = field(default_factory=dict)
    health: str = "new"
    health_cause: str = ""
    health_since: datetime | None = None
    checked: list[dict[str, Any]] = field(default_factory=list)
    reply_address_proved: str = ""  # the address for which it is, see `connectors.Proving`
    last_in_at: datetime | None = None
    last_out_at: datetime | None = None
    retried_at: datetime | None = None  # by a person: a listener from before begins anew
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecretMark:
    """That a credential is set, since when and by whom; `value` is for the connector, never for a screen."""

    value: str = field(repr=False)
    at: str
    by: int | None


class NoChannel(Exception):
    """There is no such channel."""


class PartMissing(SignInNeeded):
    """The part for this kind of channel is not installed, or does not start. Nothing is wrong with the credentials."""

    def __init__(self, kind: str):
        super().__init__(f"Het onderdeel voor dit soort kanaal ({kind}) ontbreekt. Vraag ICT om het te installeren.")


ONE = ("select id, kind, name, address, mode, team_id, hours_id, settings, secrets, cursor, house_style, health,"
       " health_cause, health_since, checked, reply_address_proved, last_in_at, last_out_at, retried_at,"
       " archived_at from channel where id = $1")
LOCKED = ONE + " for no key update"
EVERY = ONE.removesuffix(" where id = $1") + " where archived_at is null order by lower(name), id"
INSERT = ("insert into channel (kind, name, address, mode, team_id, hours_id, settings, house_style)"
          " values ($1, $2, $3, $4, $5, $6, $7, $8) returning id")
UPDATE = ("update channel set name = $2, address = $3, mode = $4, team_id = $5, hours_id = $6, settings = $7,"
          " house_style = $8, secrets = $9 where id = $1")


async def every(connection: Connection) -> list[Channel]:
    """All channels that are not archived, by name."""
    # a small table
    return [Channel(**row) for row in await connection.fetch(EVERY)]


async def get(connection: Connection, id: int | None) -> Channel:
    """One channel, archived ones too. Raises `NoChannel`."""
    # one row by its id
    return _found(await connection.fetchrow(ONE, id))


async def lock(connection: Connection, id: int) -> Channel:
    """One channel, for a change: others wait. Raises `NoChannel`, for an archived one too."""
    # one change at a time
    found = _found(await connection.fetchrow(LOCKED, id))
    if found.archived_at is not None:
        raise NoChannel(id)
    return found


async def by_name(connection: Connection, name: str) -> Channel:
    """One channel by its name, whatever its capitals. Raises `NoChannel`."""
    # names are how people at the command line know channels
    id = await connection.fetchval("select id from channel where lower(name) = lower($1)", name.strip())
    return await get(connection, id)


async def add(connection: Connection, keys: Keys, kind: type[Connector], wanted: Channel,
              secrets: Mapping[str, str], by: By) -> Channel:
    """A new channel of `kind`: what `wanted` says, whatever its id. Raises `Wrong`."""
    wanted = _tidy(kind, replace(wanted, kind=kind.name))
    await _free(connection, wanted.name, 0)
    # the row first: what is encrypted is bound to its id
    id = await connection.fetchval(INSERT, wanted.kind, wanted.name, wanted.address, wanted.mode,
                                   wanted.team_id, wanted.hours_id, wanted.settings, wanted.house_style)
    made = replace(wanted, id=id, secrets=_encrypt(keys, id, {}, secrets, by))
    await _write(connection, made)
    await _tell(connection, by, made, "added", {}, _public(made, replaced=sorted(secrets)))
    return made


async def update(connection: Connection, keys: Keys, kind: type[Connector], wanted: Channel,
                 secrets: Mapping[str, str], by: By, forget: Sequence[str] = ()) -> Channel:
    """Keep what `wanted` says of name, mode, team, hours, settings and house style, with the credentials in
    `secrets` replaced and those in `forget` removed. Raises `Wrong`, and `NoChannel` for an archived channel."""
    old = await lock(connection, wanted.id)
    have = {name: mark for name, mark in secrets_of(old, keys, strict=False).items() if name not in forget}
    wanted = _tidy(kind, replace(old, name=wanted.name, mode=wanted.mode, team_id=wanted.team_id,
                                 hours_id=wanted.hours_id, settings=wanted.settings, house_style=wanted.house_style))
    if secrets or forget:
        wanted = replace(wanted, secrets=_encrypt(keys, old.id, have, secrets, by))
    await _free(connection, wanted.name, old.id)
    await _write(connection, wanted)
    await _tell(connection, by, wanted, "settings", _public(old),
                _public(wanted, replaced=sorted(secrets), forgotten=sorted(forget)))
    return wanted


async def set_mode(connection: Connection, id: int, mode: Mode, by: By) -> Channel:
    """Read along (nothing is sent), live, or paused. Raises `NoChannel`."""
    old = await lock(connection, id)
    # sending and reading stop or begin
    await connection.execute("update channel set mode = $2 where id = $1", id, mode)
    await _tell(connection, by, old, "mode", {"mode": old.mode}, {"mode": mode})
    return replace(old, mode=mode)


async def archive(connection: Connection, id: int, by: By) -> None:
    """Out of use: it reads and sends nothing, and its credentials are gone. Its conversations stay."""
    old = await lock(connection, id)
    # the name comes free for a new channel
    await connection.execute("update channel set archived_at = $2, mode = 'paused', secrets = null,"
                             " name = name || ' (' || id || ')' where id = $1", id, by.at)
    await _tell(connection, by, old, "archived", {"archived": False}, {"archived": True})


async def set_checked(connection: Connection, id: int, steps: Sequence[Step], at: datetime) -> None:
    """Keep what a check of the settings in use found, and the health that follows. Raises `NoChannel`."""
    # the last check only
    await connection.execute("update channel set checked = $2 where id = $1", id,
                             [asdict(step) | {"at": at.isoformat()} for step in steps])
    failed = next((step for step in steps if not step.ok), None)
    await set_health(connection, id, "down" if failed else "ok", failed.problem or failed.name if failed else "", at)


async def set_reply_address(connection: Connection, id: int, proved: str) -> None:
    """Keep for which address replies to a signed address arrive; empty: for none."""
    # outgoing mail asks it when it is made
    await connection.execute("update channel set reply_address_proved = $2 where id = $1", id, proved)


async def set_health(connection: Connection, id: int, health: str, cause: str, at: datetime,
                     key_refused: bool = False) -> bool:
    """Keep a channel's health, its plain cause, and whether its credentials are what is wrong. A change of health is
    one event and one line in the log of the server. Returns whether it changed."""
    old = await connection.fetchval(
        # who changes it first tells it
        "select health from channel where id = $1 and (health, health_cause, key_refused) <> ($2, $3, $4)"
        " for no key update", id, health, cause, key_refused)
    if old is None:
        return False
    # since when is about the health, not about the words of its cause
    await connection.execute(
        "update channel set health = $2, health_cause = $3, key_refused = $5, health_since = case when health = $2"
        " then health_since else $4 end where id = $1", id, health, cause, at, key_refused)
    if old == health:
        return False
    if health in BAD:
        log.warning("channel unavailable", channel=id, health=health, cause=cause)
    elif old in BAD:
        log.info("channel back", channel=id)
    await record(connection, [Draft("channel_changed", at, data={"channel": id, "change": "health", "to": health})])
    return True


async def advance(connection: Connection, id: int, before: Mapping[str, Any], after: Mapping[str, Any],
                  last_in_at: datetime | None) -> bool:
    """Move the cursor, in the transaction that stored what it stands for. False: it was moved elsewhere, roll back."""
    # only from where we knew it to be
    done = await connection.execute(
        "update channel set cursor = $3, last_in_at = coalesce($4, last_in_at) where id = $1 and cursor = $2",
        id, dict(before), dict(after), last_in_at)
    return done == "UPDATE 1"


def settings_of(channel: Channel, keys: Keys, kind: type[Connector]) -> Any:
    """An instance of the connector's `Settings`. Raises `SignInNeeded` when they cannot be made."""
    secrets = {name: mark.value for name, mark in secrets_of(channel, keys).items()}
    return option.make(kind.Settings, channel.settings, secrets)


def secrets_of(channel: Channel, keys: Keys, strict: bool = True) -> dict[str, SecretMark]:
    """The credentials by the name of their setting. Raises `SignInNeeded`; not `strict`: those that can be read."""
    if channel.secrets is None:
        return {}
    try:
        found = json.loads(keys.decrypt(channel.secrets, _belongs_to(channel.id)))
    except CannotDecrypt as error:
        if not strict:
            return {}
        raise SignInNeeded("De opgeslagen wachtwoorden horen bij een andere sleutel. Vul ze opnieuw in.") from error
    return {name: SecretMark(**mark) for name, mark in found.items()}


class Live:
    """The connectors of this process: one per channel, made anew when its settings changed."""

    def __init__(self, database: Database, kinds: Mapping[str, type[Connector]], keys: Keys):
        self.kinds = kinds
        self.keys = keys
        self._database = database
        self._made: dict[int, tuple[tuple, Connector]] = {}

    async def connector(self, id: int) -> Connector:
        """The connector of a channel, as it is set now. Raises `NoChannel` and `SignInNeeded`."""
        async with self._database.connection() as connection:
            row = await get(connection, id)
        version = (row.kind, row.settings, row.secrets, row.reply_address_proved)
        if id not in self._made or self._made[id][0] != version:
            fresh = self.make(row)
            await self._drop(id)
            self._made[id] = (version, fresh)
        return self._made[id][1]

    def make(self, row: Channel) -> Connector:
        """A connector of its own for whoever asks, who closes it. Raises `SignInNeeded`."""
        kind = self.kind(row.kind)
        made = kind(settings_of(row, self.keys, kind))
        if isinstance(made, Renewing):
            made.on_new_secret = partial(self.renewed, row.id)
        if isinstance(made, Proving):
            made.reply_address_proved = row.address == row.reply_address_proved != ""
        return made

    def kind(self, name: str) -> type[Connector]:
        """A connector class by its name. Raises `PartMissing`."""
        if name not in self.kinds:
            raise PartMissing(name)
        return self.kinds[name]

    async def renewed(self, id: int, name: str, value: Secret) -> None:
        """A server gave a new credential in the place of the old one: kept before the old one stops working."""
        async with self._database.transaction() as connection:
            row = await lock(connection, id)
            secrets = _encrypt(self.keys, id, secrets_of(row, self.keys, strict=False), {name: value.reveal()},
                               By(None, datetime.now(UTC)))
            # no change by a person, so nothing for the log
            await connection.execute("update channel set secrets = $2 where id = $1", id, secrets)

    async def close(self) -> None:
        """Close all connectors."""
        for id in list(self._made):
            await self._drop(id)

    async def _drop(self, id: int) -> None:
        if id in self._made:
            await self._made.pop(id)[1].close()


async def _free(connection: Connection, name: str, id: int) -> None:
    # one name, one channel, whatever the capitals; two at the same moment meet the constraint
    if await connection.fetchval("select exists(select from channel where lower(name) = lower($1) and id <> $2)",
                                 name, id):
        raise Wrong("name", "wrong.name_taken")


async def _write(connection: Connection, row: Channel) -> None:
    await connection.execute(UPDATE, row.id, row.name, row.address, row.mode, row.team_id, row.hours_id, row.settings,
                             row.house_style, row.secrets)


async def _tell(connection: Connection, by: By, row: Channel, what: str, before: Mapping[str, Any],
                after: Mapping[str, Any]) -> None:
    if await change.note(connection, by, "channel", row.id, row.name, before, after):
        await record(connection, [Draft("channel_changed", by.at, actor_id=by.account_id,
                                        data={"channel": row.id, "change": what})])


def _tidy(kind: type[Connector], row: Channel) -> Channel:
    name = row.name.strip()
    if not name or len(name) > LONGEST_NAME or option.CONTROL.search(name):
        raise Wrong("name", "wrong.name")
    style = {key: str(row.house_style.get(key, "")).strip() for key in STYLE}
    for key, text in style.items():
        if len(text) > LONGEST_SIGNATURE or option.UNSTORABLE.search(text):
            raise Wrong(key, "problem.option.text")
    style["signature_html"] = nh3.clean(style["signature_html"], tags=SIGNATURE_TAGS, attributes=SIGNATURE_ATTRIBUTES,
                                        url_schemes={"https", "mailto", "tel"}, link_rel=None)
    known = {question.name for question in option.questions(kind.Settings) if question.kind != "secret"}
    settings = {key: value for key, value in row.settings.items() if key in known}
    return replace(row, name=name, address=str(settings.get("address", "")).strip().lower(), settings=settings,
                   house_style=style)


def _encrypt(keys: Keys, id: int, have: Mapping[str, SecretMark], secrets: Mapping[str, str], by: By) -> bytes | None:
    marks = dict(have) | {name: SecretMark(text, by.at.isoformat(), by.account_id) for name, text in secrets.items()}
    plain = json.dumps({name: asdict(mark) for name, mark in marks.items()}).encode()
    return keys.encrypt(plain, _belongs_to(id)) if marks else None


def _belongs_to(id: int) -> str:
    return f"channel:{id}"


def _public(row: Channel, **secrets: list[str]) -> dict[str, Any]:
    return {"name": row.name, "mode": row.mode, "team": row.team_id, "hours": row.hours_id, **row.house_style,
            **{f"settings.{key}": list(value) if isinstance(value, tuple) else value
               for key, value in row.settings.items()}, **{what: names for what, names in secrets.items() if names}}


def _found(row: asyncpg.Record | None) -> Channel:
    if row is None:
        raise NoChannel
    return Channel(**row)
