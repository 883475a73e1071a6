"""What the commands do, besides running: people, channels, tokens, mail and the check of everything."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import mailbox
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from connectors import Delivery, DeliveryKey, SignInNeeded, connectors, installed
from connectors.email.show import show
from newsroom import (
    account,
    api_token,
    app,
    audit,
    channel,
    checkup,
    database,
    delivery,
    link,
    option,
    probe,
    rights,
    secret,
)
from newsroom.change import By, Wrong
from newsroom.database import Database
from newsroom.language import text
from newsroom.settings import Settings

IMPORT_BATCH = 100  # mails in one commit
IMPORT_BATCH_BYTES = 20_000_000  # of them together, one larger mail apart
IMPORT_BYTES = 100_000_000  # the largest mail that is taken; what is not mail at all is often larger
PROGRESS_EVERY = 500  # mails


class Failed(Exception):
    """A command did not work; the message says what to do."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Database, Settings]]:
    """The migrated database, for one command."""
    async with app.database(settings) as ready:
        pool = await database.connect(ready.database_url, size=3)
        try:
            yield pool, ready
        finally:
            await pool.close()


async def migrate(settings: Settings) -> list[str]:
    """The names of the files that were applied."""
    if settings.database_url:
        return await database.migrate(settings.owner_database_url or settings.database_url)
    async with app.database(settings):
        return []


@asynccontextmanager
async def _addresses(settings: Settings) -> AsyncIterator[Settings]:
    """As `app.database`, but what is there is left as it is: a check changes nothing."""
    if settings.database_url:
        yield settings
    else:
        async with app.database(settings) as ready:
            yield ready


async def check(settings: Settings, given: argparse.Namespace) -> int:
    """Try everything; 1 when something is wrong."""
    wrong = 0
    async with _addresses(settings) as ready:
        async for finding in checkup.run(ready, given.quick):
            print(f"{'ok  ' if finding.ok else 'FAIL'} {checkup.sentence(finding, given.language)}", flush=True)
            wrong += not finding.ok
    return 1 if wrong else 0


async def add_user(settings: Settings, given: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    async with opened(settings) as (pool, ready):
        try:
            async with pool.transaction() as connection:
                id = await account.create(connection, given.email, given.name, now)
                await rights.set_roles(connection, id, given.roles, None, now)
                path = await link.make(connection, "invitation", id, now)
                await audit.record(connection, "account_made", None, "", now, whose=id, roles=sorted(given.roles))
        except account.Wrong as wrong:
            raise Failed(text("en", wrong.key)) from wrong
    print(f"{given.email}: choose a password at {ready.address}{path} (within 24 hours)")


async def list_users(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _), pool.connection() as connection:
        for person in await account.everyone(connection):
            state = "disabled" if person.disabled_at else ", ".join(person.roles) or "no roles"
            print(f"{person.email}\t{person.name}\t{state}")


async def disable_user(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _), pool.transaction() as connection:
        person = await account.by_email(connection, given.email)
        if person is None:
            raise Failed(f"there is no user {given.email}; `newsroom user list` shows who there are")
        try:
            now = datetime.now(UTC)
            n = await rights.leave(connection, person.id, None, now)
            await audit.record(connection, "account_changed", None, "", now, whose=person.id, disabled=True, released=n)
        except account.Wrong as wrong:
            raise Failed(text("en", wrong.key)) from wrong
    print(f"{given.email} can no longer sign in; {n} open conversations went back to triage.")


async def add_channel(settings: Settings, given: argparse.Namespace) -> None:
    kinds, broken = installed()
    kind = kinds.get(given.kind)
    if kind is None:
        why = next((f"the connector {one.name} of {one.package} cannot be used: {one.why}" for one in broken
                    if one.name == given.kind), f"there is no connector {given.kind}")
        raise Failed(f"{why}; installed are {', '.join(sorted(kinds))}")
    values, secrets, problems = option.read(kind.Settings, dict(_pair(one) for one in given.values))
    if problems:
        raise Failed("\n".join(f"{one.field}: {text('en', one.key, **one.values)}" for one in problems))
    async with opened(settings) as (pool, ready):
        keys = secret.load(ready)
        wanted = channel.Channel(0, given.kind, given.name, mode=given.mode, settings=values)
        try:
            async with pool.transaction() as connection:
                made = await channel.add(connection, keys, kind, wanted, secrets, By(None, datetime.now(UTC)))
        except Wrong as wrong:
            raise Failed(text("en", wrong.key, **wrong.values_of_key)) from wrong
        await _check_channel(pool, ready, made)


async def list_channels(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _), pool.connection() as connection:
        for one in await channel.every(connection):
            print("\t".join((str(one.id), one.kind, one.name, one.mode, one.health, one.health_cause)))


async def check_channel(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, ready):
        await _check_channel(pool, ready, await _channel(pool, given.name))


async def pause_channel(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _):
        one = await _channel(pool, given.name)
        async with pool.transaction() as connection:
            await channel.set_mode(connection, one.id, "paused", By(None, datetime.now(UTC)))
    print(f"{given.name} is paused; what comes in meanwhile is read when it goes on.")


async def reread_channel(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _):
        one = await _channel(pool, given.name)
        async with pool.transaction() as connection:
            ids = await delivery.unread(connection, one.id)
            await delivery.replay(connection, ids)
    print(f"{len(ids)} messages that could not be read are read again, as soon as the house runs.")


async def add_token(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _):
        channel_id = (await _channel(pool, given.channel)).id if given.channel else None
        scopes = given.scopes or ([api_token.DELIVER] if channel_id else [])
        async with pool.transaction() as connection:
            person = await account.by_email(connection, given.account) if given.account else None
            if given.account and person is None:
                raise Failed(f"there is no user {given.account}; `newsroom user list` shows who there are")
            try:
                print(await api_token.create(connection, given.name, scopes, By(None, datetime.now(UTC)), channel_id,
                                             person.id if person else None))
            except Wrong as wrong:
                raise Failed(text("en", wrong.key)) from wrong


async def list_tokens(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _), pool.connection() as connection:
        for one in await api_token.every(connection):
            whose = f"channel {one.channel_id}" if one.channel_id else f"account {one.account_id}"
            print(f"{one.id}\t{one.name}\t{', '.join(one.scopes)}\t{whose}\t"
                  f"{'revoked' if one.revoked_at else 'in use'}")


async def revoke_token(settings: Settings, given: argparse.Namespace) -> None:
    async with opened(settings) as (pool, _), pool.transaction() as connection:
        if not await api_token.revoke(connection, given.id, By(None, datetime.now(UTC))):
            raise Failed(f"there is no token {given.id} in use; `newsroom token list` shows them")


async def show_mail(settings: Settings, given: argparse.Namespace) -> None:
    for path in given.files:
        print(json.dumps(show(path), ensure_ascii=False))


async def import_mail(settings: Settings, given: argparse.Namespace) -> None:
    """Old mail comes in as closed history: no clock, no answer. The same mail twice is one mail."""
    read = fresh = 0
    async with opened(settings) as (pool, _):
        one = await _channel(pool, given.channel)
        batch: list[tuple[int, Delivery]] = []
        for raw in _mails(given.paths):
            key = DeliveryKey(f"import/{hashlib.sha256(raw).hexdigest()}")
            batch.append((one.id, Delivery(key, raw, datetime.now(UTC), "message/rfc822", {"history": "1"})))
            read += 1
            if len(batch) >= IMPORT_BATCH or sum(len(item.body) for _, item in batch) >= IMPORT_BATCH_BYTES:
                fresh += await _store(pool, batch)
                batch = []
            if read % PROGRESS_EVERY == 0:
                print(f"{read} read, {fresh} new", file=sys.stderr)
        fresh += await _store(pool, batch)
    print(f"{read} mails read, {fresh} new. They appear as closed conversations when `newsroom serve` runs.")


async def _store(pool: Database, batch: list[tuple[int, Delivery]]) -> int:
    if not batch:
        return 0
    async with pool.transaction() as connection:
        receipts = await delivery.store(connection, batch)
    await asyncio.sleep(0)
    return sum(receipt.fresh for receipt in receipts)


def _mails(paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        if path.is_dir():
            yield from _mails(sorted(one for one in path.rglob("*") if one.is_file()))
            continue
        try:
            with path.open("rb") as file:
                if file.read(5) != b"From ":
                    yield from _whole(file, str(path))
                    continue
            box = mailbox.mbox(path, create=False)
            for key in box.iterkeys():
                yield from _whole(box.get_file(key), f"{path}, mail {key + 1}")
        except (OSError, mailbox.Error) as error:
            print(f"{path}: not read ({error})", file=sys.stderr)


def _whole(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The one mail in a file, or word of why not. The size first: a disk image must not fill memory."""
    size = file.seek(0, os.SEEK_END) or file.tell()
    if size > IMPORT_BYTES:
        print(f"{name}: not read ({size} bytes; at most {IMPORT_BYTES})", file=sys.stderr)
        return
    file.seek(0)
    yield file.read()


async def _channel(pool: Database, name: str) -> channel.Channel:
    async with pool.connection() as connection:
        try:
            return await channel.by_name(connection, name)
        except channel.NoChannel as error:
            raise Failed(f"there is no channel {name}; `newsroom channel list` shows them") from error


async def _check_channel(pool: Database, settings: Settings, one: channel.Channel) -> None:
    live = channel.Live(pool, connectors(), secret.load(settings))
    try:
        connector = live.make(one)
    except SignInNeeded as error:
        raise Failed(str(error)) from error
    try:
        steps = await connector.check()
    finally:
        await connector.close()
    if all(step.ok for step in steps):
        steps += await probe.prove(live, pool, one)
    async with pool.transaction() as connection:
        await channel.set_checked(connection, one.id, steps, datetime.now(UTC))
    for step in steps:
        print(f"{'ok  ' if step.ok else 'FAIL'} {step.name} {step.detail}".rstrip())
        if step.problem:
            print(f"     {step.problem}")
    if not all(step.ok for step in steps):
        raise Failed(f"{one.name} does not work yet; it is kept, and `newsroom channel check` tries again")


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise Failed(f"--set {given}: write FIELD=VALUE")
    try:
        return name, Path(value[1:]).read_text(encoding="utf-8").strip() if value.startswith("@") else value
    except OSError as error:
        raise Failed(f"--set {name}: {error}") from error
