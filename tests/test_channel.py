"""Channels: settings as questions, credentials that never come out, changes that are told, health that is said once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from connectors import Secret, SignInNeeded, Step
from newsroom import channel, event, option
from newsroom.change import By, Wrong
from newsroom.channel import Channel, Live, NoChannel
from newsroom.secret import Keys
from tests.house import add_account, add_team
from tests.tap import KINDS, NOON, PASSWORD, Box, Settings, Tap

KEYS = Keys([bytes(range(32))])
GIVEN = {"address": "Kraan@Voorbeeldstad.example", "port": "143", "security": "none", "password": PASSWORD,
         "verbose": "1", "origins": " https://a.example \n\nhttps://b.example"}
BY = By(None, NOON)


def tap(name: str = "Kraan", **changed) -> Channel:
    values, _, problems = option.read(Settings, GIVEN)
    assert [] == problems
    return replace(Channel(0, "tap", name, settings=values), **changed)


async def add(db, wanted: Channel | None = None, by: By = BY, secrets=None) -> Channel:
    async with db.transaction() as connection:
        return await channel.add(connection, KEYS, Tap, wanted or tap(), secrets or {"password": PASSWORD}, by)


async def whole_database(db) -> str:
    """Everything that a backup holds, as text."""
    async with db.connection() as connection:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        texts = [str(await connection.fetch(f"select t::text from {row['tablename']} t"))  # noqa: S608
                 for row in tables]
    return "\n".join(texts)


# --- settings ----------------------------------------------------------------------------------------------------

def test_answers_become_typed_values_and_secrets_stay_apart():
    values, secrets, problems = option.read(Settings, GIVEN)
    assert [] == problems
    assert {"address": "Kraan@Voorbeeldstad.example", "port": 143, "security": "none", "verbose": True,
            "origins": ("https://a.example", "https://b.example")} == values
    assert {"password": PASSWORD} == secrets
    made = option.make(Settings, values, secrets)
    assert Secret(PASSWORD) == made.password and 143 == made.port and "***" in repr(made)


def test_an_empty_answer_gives_the_default():
    values, secrets, problems = option.read(Settings, {"address": "a@b.example", "password": "x"})
    assert [] == problems
    assert (993, "tls", False, ()) == (values["port"], values["security"], values["verbose"], values["origins"])


def test_every_wrong_answer_is_told_at_once():
    wrong = {"address": "  ", "port": "-1", "security": "ssl", "password": "", "spare": "a\0", "origins": "a\tb"}
    _, _, problems = option.read(Settings, wrong)
    assert {"address": "problem.option.required", "port": "problem.option.number", "security": "problem.option.choice",
            "password": "problem.option.required", "spare": "problem.option.text", "origins": "problem.option.text"
            } == {problem.field: problem.key for problem in problems}


@pytest.mark.parametrize("port", ["99999999999", "²", "1e3", "٣", "0x1f", "1 000"])
def test_only_plain_numbers_are_numbers(port):
    _, _, problems = option.read(Settings, GIVEN | {"port": port})
    assert ["port"] == [problem.field for problem in problems]


def test_a_secret_that_is_set_may_stay_empty():
    assert [] == option.read(Settings, GIVEN | {"password": ""}, frozenset({"password"}))[2]


def test_settings_of_an_older_version_still_work_or_say_what_is_missing():
    old = {"address": "a@b.example", "port": 993, "gone": "x", "origins": ["https://a.example"]}
    assert ("https://a.example",) == option.make(Settings, old, {"password": "x", "gone_too": "y"}).origins
    with pytest.raises(SignInNeeded, match="Wachtwoord"):
        option.make(Settings, old, {})


def test_the_form_is_asked_in_groups():
    groups = option.groups(option.questions(Settings))
    assert {"Algemeen": ["address"], "Ontvangen": ["port", "security", "password", "spare"],
            "Meer": ["verbose", "origins"]} == {name: [one.name for one in asked] for name, asked in groups.items()}


# --- changes -----------------------------------------------------------------------------------------------------

async def test_a_channel_keeps_its_settings_and_its_secret_only_encrypted(db):
    made = await add(db)
    async with db.connection() as connection:
        row = await channel.get(connection, made.id)
    assert "kraan@voorbeeldstad.example" == row.address and "new" == row.health
    assert PASSWORD == channel.settings_of(row, KEYS, Tap).password.reveal()
    assert PASSWORD not in repr(row) and PASSWORD.encode() not in row.secrets
    everything = await whole_database(db)
    assert PASSWORD not in everything and PASSWORD.encode().hex() not in everything


async def test_a_secret_of_one_channel_does_not_fit_another(db):
    one, two = await add(db), await add(db, tap("Tweede"))
    async with db.transaction() as connection:
        await connection.execute("update channel set secrets = $2 where id = $1", two.id, one.secrets)
        stolen = await channel.get(connection, two.id)
    with pytest.raises(SignInNeeded, match="opnieuw"):
        channel.settings_of(stolen, KEYS, Tap)
    assert {} == channel.secrets_of(stolen, KEYS, strict=False)


async def test_every_change_is_an_event_and_a_line_with_before_and_after(db):
    person = await add_account(db, "Bas", "admin")
    by = By(person.account_id, NOON, "192.0.2.7")
    team = await add_team(db, "Webcare")
    made = await add(db, by=by)
    async with db.transaction() as connection:
        await channel.update(connection, KEYS, Tap, replace(made, name="Kraan 2", team_id=team),
                             {"password": "another-secret-word"}, by, forget=["spare"])
        await channel.set_mode(connection, made.id, "paused", by)
        await channel.set_mode(connection, made.id, "paused", by)  # nothing changed: nothing is told
    async with db.connection() as connection:
        events = await event.since(connection, 0, 100)
        lines = await connection.fetch("select data, account_id, address from audit order by id")
    assert [("channel_changed", made.id, person.account_id, change) for change in ("added", "settings", "mode")] == \
        [(one.kind, one.data["channel"], one.actor_id, one.data["change"]) for one in events]
    changed = lines[1]["data"]
    assert {"name": "Kraan", "team": None, "replaced": None, "forgotten": None} == changed["before"]
    assert {"name": "Kraan 2", "team": team, "replaced": ["password"], "forgotten": ["spare"]} == changed["after"]
    assert ("paused", person.account_id, "192.0.2.7") == (
        lines[2]["data"]["after"]["mode"], lines[2]["account_id"], lines[2]["address"])
    everything = await whole_database(db)
    assert "another-secret-word" not in everything and PASSWORD not in everything


async def test_secrets_stay_until_they_are_replaced_or_forgotten(db):
    made = await add(db, secrets={"password": PASSWORD, "spare": "x"})
    async with db.transaction() as connection:
        kept = await channel.update(connection, KEYS, Tap, replace(made, settings=made.settings | {"port": 1}), {}, BY)
        assert made.secrets == kept.secrets and 1 == kept.settings["port"]
        less = await channel.update(connection, KEYS, Tap, made, {"password": "new"}, BY, forget=["spare"])
    marks = channel.secrets_of(less, KEYS)
    assert {"password": "new"} == {name: mark.value for name, mark in marks.items()}
    assert "new" not in repr(marks) and NOON.isoformat() == marks["password"].at


@pytest.mark.parametrize("name, key", [("kraan", "wrong.name_taken"), ("", "wrong.name"), ("a\nb", "wrong.name"),
                                       ("x" * 101, "wrong.name")])
async def test_a_name_is_one_line_and_its_own(db, name, key):
    await add(db)
    with pytest.raises(Wrong) as raised:
        await add(db, tap(name))
    assert ("name", key) == (raised.value.field, raised.value.key)


async def test_a_signature_keeps_no_script(db):
    bad = '<p onclick="x()">Groet<script>alert(1)</script><a href="javascript:x()">z</a><a href="https://a.example">a</a>'
    made = await add(db, tap(house_style={"signature_html": bad, "signature_text": " Groet ", "else": "x"}))
    assert {"signature_text": "Groet",
            "signature_html": '<p>Groet<a>z</a><a href="https://a.example">a</a></p>'} == made.house_style


async def test_an_archived_channel_forgets_its_secrets_and_frees_its_name(db):
    made = await add(db)
    async with db.transaction() as connection:
        await channel.archive(connection, made.id, BY)
    again = await add(db)
    async with db.transaction() as connection:
        gone = await channel.get(connection, made.id)
        assert (None, "paused") == (gone.secrets, gone.mode)
        assert [again.id] == [row.id for row in await channel.every(connection)]
        assert again.id == (await channel.by_name(connection, " KRAAN ")).id
        with pytest.raises(NoChannel):
            await channel.update(connection, KEYS, Tap, made, {}, BY)


# --- health ------------------------------------------------------------------------------------------------------

async def test_health_is_told_once_per_change(db):
    made = await add(db)
    steps = [("ok", ""), ("faltering", "A"), ("faltering", "A"), ("faltering", "B"), ("down", "B"), ("ok", ""),
             ("ok", "")]
    with capture_logs() as logged:
        for place, (health, cause) in enumerate(steps):
            async with db.transaction() as connection:
                await channel.set_health(connection, made.id, health, cause, NOON.replace(minute=place))
            if place == 3:
                async with db.connection() as connection:
                    row = await channel.get(connection, made.id)
                assert ("B", NOON.replace(minute=1)) == (row.health_cause, row.health_since)
    assert ["channel unavailable", "channel unavailable", "channel back"] == [line["event"] for line in logged]
    async with db.connection() as connection:
        told = [one.data["to"] for one in await event.since(connection, 0, 100) if one.data["change"] == "health"]
    assert ["ok", "faltering", "down", "ok"] == told


async def test_a_check_is_kept_with_the_health_that_follows(db):
    made = await add(db)
    async with db.transaction() as connection:
        await channel.set_checked(connection, made.id, [Step("A", True), Step("B", False, "550", "Vraag ICT.")], NOON)
        row = await channel.get(connection, made.id)
    assert ("down", "Vraag ICT.") == (row.health, row.health_cause)
    assert ["A", "B"] == [step["name"] for step in row.checked]


async def test_the_cursor_moves_only_from_where_it_was(db):
    made = await add(db)
    async with db.transaction() as connection:
        assert await channel.advance(connection, made.id, {}, {"uid": 7}, NOON)
        assert not await channel.advance(connection, made.id, {}, {"uid": 5}, NOON)
        assert await channel.advance(connection, made.id, {"uid": 7}, {"uid": 8}, None)
        row = await channel.get(connection, made.id)
    assert ({"uid": 8}, NOON) == (row.cursor, row.last_in_at)


# --- connectors --------------------------------------------------------------------------------------------------

async def test_a_connector_is_made_once_and_anew_after_a_change(db):
    live = Live(db, KINDS, KEYS)
    made = await add(db)
    first = await live.connector(made.id)
    assert first is await live.connector(made.id) and 143 == first.settings.port
    async with db.transaction() as connection:
        await channel.update(connection, KEYS, Tap, replace(made, settings=made.settings | {"port": 1}), {}, BY)
    closed = first.well.closed
    assert 1 == (await live.connector(made.id)).settings.port and closed + 1 == first.well.closed
    await live.close()
    assert closed + 2 == first.well.closed
    with pytest.raises(NoChannel):
        await live.connector(made.id + 1)


async def test_a_channel_of_a_kind_that_is_not_installed_waits_for_an_administrator(db):
    made = await add(db)
    with pytest.raises(SignInNeeded, match="tap"):
        await Live(db, {"box": Box}, KEYS).connector(made.id)


async def test_a_credential_that_the_server_renews_is_kept_encrypted(db):
    class Renewed(Tap):
        on_new_secret = None

    row = await add(db)
    live = Live(db, {"tap": Renewed}, KEYS)
    await (await live.connector(row.id)).on_new_secret("password", Secret("a-fresh-one"))
    async with db.connection() as connection:
        kept = channel.secrets_of(await channel.get(connection, row.id), KEYS)
    assert "a-fresh-one" == kept["password"].value and "a-fresh-one" not in await whole_database(db)
    await live.close()
