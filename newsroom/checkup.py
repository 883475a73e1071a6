"""The check of everything: each setting and each channel is tried, and what is wrong says what to do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import asyncpg

from connectors import installed
from newsroom import channel, database, letter, probe, secret
from newsroom.hours import next_open
from newsroom.language import text
from newsroom.secret import KeyWrong
from newsroom.settings import Settings
from newsroom.term import load

VERSIONS = range(15, 19)  # major versions of PostgreSQL that work
SPACE_BYTES = 1 << 30  # less free room than this is told
SECONDS = 10.0  # for one server to answer
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. `key` and `values` make the sentence: `check.<key>.ok` or `check.<key>.wrong`."""

    key: str
    ok: bool
    values: dict[str, str]


async def run(settings: Settings, quick: bool) -> AsyncIterator[Finding]:
    """Try everything, or only the database and its tables. `settings` have working database addresses."""
    try:
        pool = await asyncio.wait_for(database.connect(settings.database_url, size=2), SECONDS)
    except AWAY as error:
        yield Finding("database", False, {"error": f"{type(error).__name__}: {error}"})
        return
    try:
        async with pool.connection() as connection:
            for finding in [await _version(connection), await _role(connection), await _tables(connection)]:
                yield finding
            if quick:
                return
            for finding in [await _owner(settings), _address(settings), _space(settings), await _redis(settings),
                            await _letters(settings)]:
                if finding is not None:
                    yield finding
            try:
                keys = secret.load(settings)
                yield Finding("secret", True, {})
                yield Finding("private", secret.is_private(settings), {"path": str(secret.path_of(settings))})
            except KeyWrong as error:
                yield Finding("secret", False, {"error": str(error)})
                return
            for finding in await _calendars(connection):
                yield finding
            kinds, broken = installed()
            for one in broken:
                yield Finding("connectors", False, asdict(one))
            if not broken:
                yield Finding("connectors", True, {})
            live = channel.Live(pool, kinds, keys)
            for row in await channel.every(connection):
                yield await _channel(row, live)
    finally:
        await pool.close()


def sentence(finding: Finding, language: str) -> str:
    """What was found, and when it is wrong what to do."""
    return text(language, f"check.{finding.key}.{'ok' if finding.ok else 'wrong'}", **finding.values)


async def _version(connection: database.Connection) -> Finding:
    major = connection.get_server_version().major
    return Finding("version", major in VERSIONS, {"version": str(major)})


async def _role(connection: database.Connection) -> Finding:
    # the role that serves pages should not be able to change tables
    strong = await connection.fetchval("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
    owner = await connection.fetchval("select exists(select from pg_tables where schemaname = 'public'"
                                      " and tableowner = current_user)")
    return Finding("role", not (strong or owner), {})


async def _tables(connection: database.Connection) -> Finding:
    try:
        # which files were applied
        applied = {row["name"] for row in await connection.fetch("select name from migration")}
    except asyncpg.PostgresError:
        applied = set()
    missing = sorted({path.name for path in database.SCHEMA.glob("*.sql")} - applied)
    return Finding("tables", not missing, {"missing": ", ".join(missing)})


async def _owner(settings: Settings) -> Finding:
    try:
        connection = await asyncpg.connect(settings.owner_database_url or settings.database_url, timeout=SECONDS)
    except AWAY as error:
        return Finding("owner", False, {"error": f"{type(error).__name__}: {error}"})
    try:
        # whether this role can apply the next version's tables
        able = await connection.fetchval("select has_schema_privilege(current_user, 'public', 'create')")
        return Finding("owner", able, {"error": "" if able else "permission denied for schema public"})
    finally:
        await connection.close()


async def _letters(settings: Settings) -> Finding | None:
    if not letter.is_possible(settings):
        return None
    try:
        await letter.reach(settings)
        return Finding("letters", True, {})
    except letter.NotSent as error:
        return Finding("letters", False, {"error": str(error)})


def _address(settings: Settings) -> Finding:
    parts = urlsplit(settings.address)
    safe = parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1")
    return Finding("address", safe, {"address": settings.address})


def _space(settings: Settings) -> Finding:
    place = settings.data if settings.data.exists() else settings.data.absolute().parent
    free = shutil.disk_usage(place).free if place.exists() else 0
    return Finding("space", free >= SPACE_BYTES, {"free": f"{free / 2**30:.1f}"})


async def _redis(settings: Settings) -> Finding | None:
    if not settings.redis_url:
        return None
    import redis.asyncio  # not at every start: most houses have none
    client = redis.asyncio.from_url(settings.redis_url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    try:
        await client.ping()
        return Finding("redis", True, {})
    except (redis.RedisError, OSError) as error:
        return Finding("redis", False, {"error": str(error)})
    finally:
        await client.aclose()


async def _calendars(connection: database.Connection) -> list[Finding]:
    terms, now = await load(connection), datetime.now(UTC)
    found = []
    # each channel's opening hours
    for row in await connection.fetch("select id, name from channel where archived_at is null order by name"):
        opens = next_open(now, terms.hours(row["id"], None))
        soon = opens is not None and opens - now < timedelta(days=60)
        found.append(Finding("calendar", soon, {"name": row["name"]}))
    return found


async def _channel(row: channel.Channel, live: channel.Live) -> Finding:
    kind = live.kinds.get(row.kind)
    if kind is None:
        return Finding("channel", False, {"name": row.name, "problem": str(channel.PartMissing(row.kind))})
    steps = await probe.check(kind, live.keys, row, {}, renewed=partial(live.renewed, row.id))
    wrong = next((step for step in steps if not step.ok), None)
    problem = (wrong.problem or wrong.name) if wrong else ""
    return Finding("channel", wrong is None, {"name": row.name, "problem": problem})
