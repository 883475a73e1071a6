"""The check of everything: what is wrong is found, said in both languages, and the rest is tried all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from newsroom import calendar, channel, checkup, language, secret
from newsroom.calendar import Calendar
from newsroom.settings import Settings
from tests.browser.town import free_port
from tests.tap import PASSWORD, Tap
from tests.test_channel import BY, tap


@pytest.fixture
def settings(database, tmp_path):
    return Settings(database_url=database.url, owner_database_url=database.owner_url, data=tmp_path)


async def found(settings: Settings, quick: bool = False) -> dict[str, bool]:
    """What was tried, and whether it was well. Every sentence can be said in both languages."""
    findings = [finding async for finding in checkup.run(settings, quick)]
    for speech in language.LANGUAGES:
        assert all(checkup.sentence(finding, speech) for finding in findings)
    assert PASSWORD not in str(findings)
    return {finding.key: finding.ok for finding in findings}


async def test_a_good_installation_has_nothing_wrong(settings):
    assert {"version", "role", "tables", "owner", "address", "space", "secret", "private", "connectors"} == \
        set(await found(settings))
    assert all((await found(settings)).values())
    assert {"version", "role", "tables"} == set(await found(settings, quick=True))


async def test_without_a_database_that_is_all_that_is_said(settings):
    assert {"database": False} == await found(replace(settings, database_url="postgresql://127.0.0.1:1/none"))


async def test_every_wrong_setting_is_found_in_one_go(settings, database):
    port = free_port()
    wrong = replace(settings, database_url=database.owner_url, owner_database_url=database.url,
                    base_url="http://newsroom.voorbeeldstad.example", redis_url=f"redis://127.0.0.1:{port}",
                    mail_url=f"smtp://127.0.0.1:{port}", mail_from="newsroom@voorbeeldstad.example")
    secret.load(wrong)
    secret.path_of(wrong).chmod(0o644)
    bad = {key for key, ok in (await found(wrong)).items() if not ok}
    assert {"role", "owner", "address", "redis", "letters", "private"} == bad


async def test_a_mail_server_that_answers_is_well(settings):
    controller = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        assert (await found(replace(settings, mail_url=f"smtp://127.0.0.1:{controller.port}")))["letters"]
    finally:
        controller.stop()


async def test_a_broken_key_ends_the_check_there(settings):
    secret.path_of(settings).write_text("nonsense")
    assert False is (await found(settings))["secret"]


async def test_a_channel_that_cannot_be_tried_and_a_calendar_that_never_opens_are_found(settings, db):
    keys = secret.load(settings)
    async with db.transaction() as connection:
        hours = await calendar.save(connection, Calendar(0, "Leeg"), BY)
        await channel.add(connection, keys, Tap, replace(tap(), hours_id=hours), {"password": PASSWORD}, BY)
    result = await found(settings)
    assert (False, False) == (result["calendar"], result["channel"])
