"""People: passwords, limits, one-time links, sessions, rights and leaving."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from newsroom import account, letter, limit, link, nightly, password, session
from newsroom.change import Wrong
from newsroom.limit import Limit
from newsroom.settings import Settings
from tests.house import START

GOOD = "vier losse woorden op een rij"


async def make(db, email="noor@voorbeeldstad.example", secret=GOOD) -> int:
    hashed = await password.hash(secret)
    async with db.transaction() as connection:
        id = await account.create(connection, email, "Noor Smit", START)
        await account.set_password(connection, id, hashed, START)
    return id


@pytest.mark.parametrize("given, key", [
    ("kort", "password.too_short"), ("a" * 11, "password.too_short"), ("x" * 129, "password.too_long"),
    ("aaaaaaaaaaaaaaaa", "password.common"), ("Welkom-123456", "password.common"), ("123456789012", "password.common"),
    ("Wachtwoord 123", "password.common"), ("Q W E R T Y 123456", "password.common"),
    ("NoorSmitNoorSmit", "password.context"), ("Newsroom2026!", "password.context"),
    ("Voorbeeldstad26", "password.context"), ("gemeente-welkom-1", "password.context"),
])
def test_a_password_that_is_guessed_first_is_refused(given, key):
    with pytest.raises(password.TooWeak) as refused:
        password.check(given, "Noor Smit", "noor@voorbeeldstad.example", "Voorbeeldstad")
    assert key == refused.value.key


@pytest.mark.parametrize("given", [GOOD, "ééndaags ijs 🍦 in mei", "x7Gq mZ1p 9vBt", " spaties  blijven staan ",
                                   "日本語のとても長いパスワード"])
def test_any_characters_are_allowed(given):
    password.check(given, "Noor Smit", "noor@voorbeeldstad.example")


async def test_a_hash_opens_only_for_its_password_and_names_its_costs():
    stored = await password.hash(GOOD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert [True, False, False, False] == [await password.verify(stored, given)
                                           for given in (GOOD, GOOD + " ", "", "x" * 5000)]
    assert not await password.verify("", GOOD)
    assert not await password.verify("no hash", GOOD)


async def test_every_sign_in_costs_the_same_work(db, monkeypatch):
    """Counted, not timed: one argon2 verification, whoever knocks."""
    await make(db)
    async with db.transaction() as connection:
        gone = await account.create(connection, "weg@voorbeeldstad.example", "Weg Is", START)
        await connection.execute("update account set disabled_at = $2 where id = $1", gone, START)
        await account.create(connection, "nieuw@voorbeeldstad.example", "Nog Niet", START)
    work = []
    monkeypatch.setattr(password, "_matches", lambda stored, given, real=password._matches: (
        work.append(stored.split("$")[1:4]), real(stored, given))[1])
    for email in ("noor", "weg", "nieuw", "niemand"):
        assert await account.sign_in(db, f"{email}@voorbeeldstad.example", "verkeerd wachtwoord") is None
    assert [["argon2id", "v=19", "m=19456,t=2,p=1"]] * 4 == work


async def test_a_hash_of_old_costs_is_made_again(db):
    id = await make(db)
    old = password.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    async with db.transaction() as connection:
        await connection.execute("update account set password_hash = $2 where id = $1", id, old)
    assert id == await account.sign_in(db, " NOOR@voorbeeldstad.example ", GOOD)
    async with db.connection() as connection:
        stored = await connection.fetchval("select password_hash from account where id = $1", id)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("email", ["", "noor", "noor@", "@x.example", "a b@x.example", "a@x.example\nBcc: b@x.example",
                                   "a@b@c.example", "<a@x.example>", "a@" + "x" * 250 + ".example",
                                   "a..b@x.example", "jörg@x.example", "a@b..example"])
async def test_an_address_that_could_do_harm_is_refused(db, email):
    async with db.transaction() as connection:
        with pytest.raises(Wrong) as wrong:
            await account.create(connection, email, "Noor", START)
    assert ("email", "wrong.email") == (wrong.value.field, wrong.value.key)


async def test_one_address_has_one_account(db):
    await make(db)
    async with db.transaction() as connection:
        with pytest.raises(Wrong):
            await account.create(connection, "Noor@Voorbeeldstad.example", "Een Ander", START)
        assert 1 == len(await account.everyone(connection))


@pytest.mark.parametrize("name, badge", [("Bas de Wit", "BW"), ("Noor", "N"), ("fatima el amrani", "FA"),
                                         ("Jan-Peter van 't Hof", "JH"), ("李 明", "李明")])
def test_initials(name, badge):
    assert badge == account.initials(name)


async def test_a_limit_holds_against_many_at_once(db):
    limits = (Limit(5, 60), Limit(20, 3600))

    async def one():
        async with db.connection() as connection:
            return await limit.take(connection, "sleutel", limits, START)

    waits = await asyncio.gather(*(one() for _ in range(100)))
    assert 5 == sum(wait == 0 for wait in waits)
    assert {60, 3600} == set(waits) - {0}  # the wait grew


async def test_a_limit_ends_with_its_window_and_gives_back(db):
    limits = (Limit(1, 60),)
    async with db.connection() as connection:
        assert [0, 30] == [await limit.take(connection, "k", limits, START + timedelta(seconds=second))
                           for second in (0, 30)]
        assert 0 == await limit.take(connection, "other", limits, START)
        later = START + timedelta(seconds=60)
        assert 0 == await limit.take(connection, "k", limits, later)
        await limit.give_back(connection, "k", limits, later)
        assert 0 == await limit.take(connection, "k", limits, later)
        await limit.clean(connection, START + timedelta(days=3))
        assert 0 == await connection.fetchval("select count(*) from attempt")


async def test_a_link_works_once_even_for_many_at_once(db):
    id = await make(db)
    async with db.transaction() as connection:
        token = (await link.make(connection, "reset", id, START)).rpartition("/")[2]

    async def one():
        async with db.transaction() as connection:
            return await link.use(connection, "reset", token, START)

    used = [found for found in await asyncio.gather(*(one() for _ in range(20))) if found]
    assert [id] == [found.account_id for found in used]


async def test_a_link_is_for_one_purpose_for_a_day_and_for_who_may_sign_in(db):
    id, a_day = await make(db), timedelta(hours=24)
    async with db.transaction() as connection:
        old = (await link.make(connection, "reset", id, START)).rpartition("/")[2]
        token = (await link.make(connection, "reset", id, START)).rpartition("/")[2]
        assert 43 == len(token)
        assert await link.look(connection, "reset", token, START + a_day - timedelta(seconds=1))
        for purpose, given, at in (("reset", token, START + a_day), ("invitation", token, START),
                                   ("start", token, START), ("reset", old, START), ("reset", "", START),
                                   ("reset", token.swapcase(), START), ("reset", token + " ", START)):
            assert await link.look(connection, purpose, given, at) is None
            assert await link.use(connection, purpose, given, at) is None
        await connection.execute("update account set disabled_at = $2 where id = $1", id, START)
        assert await link.look(connection, "reset", token, START) is None
        assert await link.use(connection, "reset", token, START) is None


async def test_nothing_stored_opens_anything(db):
    id = await make(db)
    async with db.transaction() as connection:
        secrets = [(await link.make(connection, "invitation", id, START)).rpartition("/")[2],
                   await session.start(connection, id, START, "192.0.2.1", "Firefox"), GOOD]
        stored = str([await connection.fetch(f"select t::text from {name} t")  # noqa: S608
                      for name in ("account", "session", "one_time_token", "audit", "event_draft")])
    assert [] == [secret for secret in secrets if secret in stored]


async def test_a_session_ends_by_itself(db):
    id, minutes = await make(db), lambda n: START + timedelta(minutes=n)
    async with db.transaction() as connection:
        token = await session.start(connection, id, START, "192.0.2.1", "Firefox")
        assert await session.find(connection, token, minutes(29))
        found = await session.find(connection, token, minutes(58))
        assert found and id == found.account_id
        assert await session.find(connection, token, minutes(58 + 30)) is None
        for n in range(80, 12 * 60, 20):  # an open board keeps it alive
            assert await session.keep(connection, found.token_hash, minutes(n))
        assert await session.find(connection, token, minutes(12 * 60 - 1))
        assert await session.find(connection, token, minutes(12 * 60)) is None
        assert not await session.keep(connection, found.token_hash, minutes(12 * 60))
        assert [] == await session.of_account(connection, id, minutes(12 * 60))
        await session.clean(connection, minutes(12 * 60))
        assert 0 == await connection.fetchval("select count(*) from session")


async def test_a_renewed_session_has_another_id_and_the_same_end(db):
    id = await make(db)
    async with db.transaction() as connection:
        token = await session.start(connection, id, START, "", "")
        fresh = await session.renew(connection, session.hash_of(token))
        assert await session.find(connection, token, START) is None
        assert START == (await session.find(connection, fresh, START)).created_at


async def test_a_session_is_ended_by_its_own_person_only(db):
    noor, sanne = await make(db), await make(db, "sanne@voorbeeldstad.example")
    async with db.transaction() as connection:
        token = await session.start(connection, noor, START, "", "")
        name = (await session.find(connection, token, START)).id
        assert not await session.end_by_id(connection, sanne, name)
        assert await session.find(connection, token, START)
        assert await session.end_by_id(connection, noor, name)
        assert await session.find(connection, token, START) is None


async def test_at_night_what_is_over_is_forgotten(db):
    id, later = await make(db), START + timedelta(hours=1)
    async with db.transaction() as connection:
        await session.start(connection, id, START, "192.0.2.1", "Firefox")
        fresh = await session.start(connection, id, later, "192.0.2.1", "Firefox")
        await link.make(connection, "reset", id, START - timedelta(days=9))
        await link.make(connection, "invitation", id, START)
        await limit.take(connection, "k", (Limit(1, 60),), START - timedelta(days=3))
        await limit.take(connection, "k", (Limit(1, 60),), START)
    await nightly.forget(db, later)
    async with db.connection() as connection:
        assert await session.find(connection, fresh, later)
        assert [1, 1, 1] == [await connection.fetchval(f"select count(*) from {name}")  # noqa: S608
                             for name in ("session", "one_time_token", "attempt")]


def test_a_letter_carries_its_link_and_no_second_header():
    settings = Settings(mail_url="smtp://localhost:25", mail_from="newsroom@voorbeeldstad.example",
                        base_url="https://newsroom.voorbeeldstad.example/")
    message = letter.write(settings, "invitation", "nl", "Noor Smit", "noor@voorbeeldstad.example", "/uitnodiging/abc")
    assert "https://newsroom.voorbeeldstad.example/uitnodiging/abc" in message.get_content()
    assert "Noor Smit <noor@voorbeeldstad.example>" == message["To"]
    with pytest.raises(ValueError):
        letter.write(settings, "reset", "nl", "Noor\r\nBcc: x@voorbeeld.example", "noor@voorbeeldstad.example", "/x")
