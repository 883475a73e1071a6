"""Reading a mailbox, against a real Dovecot."""

from __future__ import annotations

import asyncio
import imaplib
import threading
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from connectors import DeliveryKey, Secret, SignInNeeded, TryLater
from connectors.email import Email, imap, reading
from tests.connectors.email.conftest import Reader, mail
from tests.connectors.email.dovecot import PASSWORD

pytestmark = pytest.mark.dovecot


def subjects(deliveries) -> list[str]:
    return [Email.parse(one)[0].subject for one in deliveries]


async def test_from_now_on_leaves_the_old_mails_alone(dovecot, settings, address):
    dovecot.deliver(address, mail(1))
    reader = Reader(Email(settings()))
    await reader.begin()
    assert [] == reader.deliveries
    dovecot.deliver(address, mail(2), mail(3))
    found = await reader.count(2)
    assert ["Vraag 2", "Vraag 3"] == subjects(found)
    validity = reader.cursor["inbox"]["uidvalidity"]
    assert [f"INBOX/{validity}/2", f"INBOX/{validity}/3"] == [one.key for one in found]
    assert {"folder": "INBOX", "own": address} == found[0].meta
    assert found[0].body.endswith(b"\r\n\r\nWanneer is de weg weer open?\r\n")


async def test_the_last_days_come_as_history(dovecot, settings, address):
    dovecot.deliver(address, mail(1), mail(2))
    reader = Reader(Email(settings(start_days=7)))
    found = await reader.count(2)
    dovecot.deliver(address, mail(3))
    found += await reader.count(1)
    assert [("Vraag 1", "1"), ("Vraag 2", "1"), ("Vraag 3", None)] == [
        (Email.parse(one)[0].subject, one.meta.get("history")) for one in found]


async def test_many_mails_come_in_batches_that_fit(dovecot, settings, address, monkeypatch):
    monkeypatch.setattr(reading, "BATCH_MAILS", 4)
    monkeypatch.setattr(reading, "BATCH_BYTES", 30_000)
    dovecot.deliver(address, *(mail(number, "x" * (12_000 if number == 2 else 10)) for number in range(10)),
                    mail(10, "y" * 40_000), mail(11))
    sizes = []
    async with asyncio.timeout(20):
        batches = Email(settings(start_days=7)).listen({})
        while sum(sizes) < 12:
            batch = await anext(batches)
            sizes.append(len(batch.deliveries))
            if batch.deliveries:
                assert str(batch.cursor["inbox"]["uid"]) == batch.deliveries[-1].key.rpartition("/")[2]
        await batches.aclose()
    assert [4, 4, 2, 1, 1] == [size for size in sizes if size]


async def test_nothing_more_is_fetched_before_the_last_batch_was_stored(dovecot, settings, address, proxy, monkeypatch):
    monkeypatch.setattr(reading, "BATCH_MAILS", 1)
    dovecot.deliver(address, mail(1), mail(2), mail(3))
    batches = Email(settings(imap_port=proxy.port, imap_security="none", start_days=7)).listen({})
    async with asyncio.timeout(20):
        while not (await anext(batches)).deliveries:
            pass
        fetched = proxy.heard.count(b"BODY.PEEK[]")
        assert 1 == fetched
        await anext(batches)
        assert 2 == proxy.heard.count(b"BODY.PEEK[]")
    await batches.aclose()


async def test_a_mail_arrives_by_idle_long_before_the_next_look(dovecot, settings, address, proxy):
    reader = Reader(Email(settings(imap_port=proxy.port, imap_security="none")))
    coming = asyncio.create_task(reader.count(1))
    await proxy.until_heard(b"IDLE")
    begun = monotonic()
    await asyncio.to_thread(dovecot.deliver, address, mail(1))
    assert ["Vraag 1"] == subjects(await coming)
    assert monotonic() - begun < 10.0  # a fraction of a second on a quiet machine


async def test_idle_is_asked_anew_before_a_firewall_forgets_us(dovecot, settings, proxy, monkeypatch):
    monkeypatch.setattr(reading, "SENT_SECONDS", 0.1)
    reader = asyncio.create_task(Reader(Email(settings(imap_port=proxy.port, imap_security="none"))).count(1))
    await proxy.until_heard(b"IDLE", times=3)
    await proxy.until_heard(b"DONE", times=2)
    reader.cancel()
    assert reading.IDLE_SECONDS <= 540


async def test_a_server_without_idle_is_asked_now_and_then(dovecot, settings, address, proxy, monkeypatch):
    monkeypatch.setattr(reading, "POLL_SECONDS", 0.2)
    proxy.hide = b" IDLE"
    reader = Reader(Email(settings(imap_port=proxy.port, imap_security="none")))
    coming = asyncio.create_task(reader.count(1))
    await proxy.until_heard(b"NOOP")
    await asyncio.to_thread(dovecot.deliver, address, mail(1))
    assert ["Vraag 1"] == subjects(await coming)
    assert b"IDLE" not in proxy.heard


async def test_nothing_becomes_read(dovecot, settings, address):
    dovecot.deliver(address, mail(1))
    await Reader(Email(settings(start_days=7))).count(1)
    box = dovecot.box(address)
    box.select("INBOX")
    assert "Seen" not in str(box.fetch("1", "(FLAGS)"))
    assert [b"1"] == box.search(None, "UNSEEN")[1]
    box.logout()


async def test_two_readers_of_one_mailbox_see_the_same(dovecot, settings, address):
    dovecot.deliver(address, mail(1), mail(2))
    readers = [Reader(Email(settings(start_days=7))) for _ in "12"]
    found = await asyncio.gather(*(reader.count(2) for reader in readers))
    assert [(one.key, one.body) for one in found[0]] == [(one.key, one.body) for one in found[1]]


async def test_a_renumbered_folder_is_read_again_and_known_by_content(dovecot, settings, address):
    box = dovecot.box(address)
    box.create("Vragen")
    reader = Reader(Email(settings(inbox="Vragen")))
    await reader.begin()
    for number in (1, 2):
        box.append("Vragen", None, None, mail(number))
    first = await reader.count(2)
    waiting = asyncio.create_task(reader.count(1))
    box.delete("Vragen")
    box.create("Vragen")
    for number in (2, 1, 3):
        box.append("Vragen", None, None, mail(number))
    try:
        again = await waiting
    except TryLater:  # the server told it while we waited: the supervisor starts again from the cursor
        again = []
    again += await reader.count(3 - len(again)) if len(again) < 3 else []
    assert ["Vraag 2", "Vraag 1", "Vraag 3"] == subjects(again)
    assert {Email.parse(one)[0].identity for one in first} < {Email.parse(one)[0].identity for one in again}
    assert not {one.key for one in first} & {one.key for one in again}
    assert [None] * 3 == [one.meta.get("history") for one in again]
    box.logout()


async def test_after_renumbering_what_is_older_than_our_first_day_is_history(dovecot, settings, address):
    box = dovecot.box(address)
    box.create("Vragen")
    reader = Reader(Email(settings(inbox="Vragen")))
    await reader.begin()
    box.delete("Vragen")
    box.create("Vragen")
    box.append("Vragen", None, '"01-Jan-2020 10:00:00 +0100"', mail(1))
    box.append("Vragen", None, None, mail(2))
    found = await reader.count(2)
    assert ["1", None] == [one.meta.get("history") for one in found]
    assert 2020 == found[0].received_at.year
    box.logout()


async def test_a_connection_killed_in_mid_fetch_loses_and_doubles_nothing(dovecot, settings, address, proxy):
    dovecot.deliver(address, *(mail(number, "abc " * 5000) for number in range(6)))
    reader = Reader(Email(settings(imap_port=proxy.port, imap_security="none", start_days=7)))
    coming = asyncio.create_task(reader.count(6))
    await proxy.until_heard(b"INTERNALDATE")
    proxy.cut_after = 50_000
    found = await coming
    assert [f"Vraag {number}" for number in range(6)] == subjects(found)
    assert 6 == len({one.key for one in found})
    assert (1, 2) == (proxy.cuts, proxy.connections)
    assert all("problem" not in one.meta for one in found)


async def test_when_the_server_is_gone_the_house_is_asked_to_come_back(dovecot, settings, address, proxy):
    reader = Reader(Email(settings(imap_port=proxy.port, imap_security="none")))
    coming = asyncio.create_task(reader.count(1))
    await proxy.until_heard(b"IDLE")
    proxy.cut()
    with pytest.raises(TryLater, match="brak af|Geen verbinding"):
        await coming
    dovecot.deliver(address, mail(1))
    assert ["Vraag 1"] == subjects(await reader.count(1))


async def test_a_connection_that_died_in_silence_is_noticed(settings, proxy, monkeypatch):
    monkeypatch.setattr(imap, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(reading, "SENT_SECONDS", 0.5)
    coming = asyncio.create_task(Reader(Email(settings(imap_port=proxy.port, imap_security="none"))).count(1))
    await proxy.until_heard(b"IDLE")
    proxy.frozen = True
    with pytest.raises(TryLater, match="antwoordt niet"):
        await coming


async def test_poison_in_the_middle_shows_and_does_not_block_the_rest(dovecot, settings, address):
    """Dovecot hangs up on a mail that it cannot open, and on one that lost its end."""
    dovecot.deliver(address, *(mail(number) for number in range(5)))
    files = dovecot.files(address)
    files[1].chmod(0)
    files[3].write_bytes(files[3].read_bytes()[:120])
    found = await Reader(Email(settings(start_days=7))).count(5)
    assert [None, "not_fetched", None, "not_fetched", None] == [one.meta.get("problem") for one in found]
    assert "telkens af" in found[1].meta["reason"]
    assert ["Vraag 0", "Vraag 2", "Vraag 4"] == subjects(one for one in found if "problem" not in one.meta)
    items = [Email.parse(one)[0] for one in found]
    assert 5 == len({item.external_id for item in items})
    assert ("not_understood", ("unreadable", "not-fetched")) == (items[1].kind, items[1].problems)
    assert "" == items[1].identity
    assert "Open hem in de mailbox" in items[1].text and "telkens af" in items[1].text


async def test_a_mail_that_was_deleted_meanwhile_is_passed_over(dovecot, settings, address):
    dovecot.deliver(address, *(mail(number) for number in range(3)))
    box = dovecot.box(address)
    reader = Reader(Email(settings(start_days=7)))
    await reader.begin()
    box.select("INBOX")
    box.store("2", "+FLAGS", "\\Deleted")
    box.expunge()
    box.logout()
    assert ["Vraag 0", "Vraag 2"] == subjects(await reader.count(2))


async def test_what_a_colleague_sent_from_elsewhere_comes_too(dovecot, settings, address):
    reader = Reader(Email(settings()))
    await reader.begin()
    box = dovecot.box(address)
    answer = mail(9, From=f"Balie <{address}>", To="inwoner@thuis.example", In_Reply_To="<vraag.1@thuis.example>")
    box.append("Verzonden", "\\Seen", None, answer)
    box.logout()
    found = await reader.count(1)
    assert ("1", "Verzonden") == (found[0].meta["sent"], found[0].meta["folder"])
    item = Email.parse(found[0])[0]
    assert ("out", ("vraag.1@thuis.example",)) == (item.direction, item.answers_to)


async def test_a_missing_folder_with_sent_mail_does_not_stop_the_inbox(dovecot, settings, address):
    dovecot.deliver(address, mail(1))
    assert ["Vraag 1"] == subjects(await Reader(Email(settings(sent="Bestaat niet", start_days=7))).count(1))


async def test_a_mail_that_is_too_large_comes_with_its_beginning(dovecot, settings, address, monkeypatch):
    monkeypatch.setattr(reading, "MAIL_BYTES", 500_000)
    dovecot.deliver(address, mail(1), mail(2, "Zie de foto. " + "abc " * 200_000), mail(3))
    found = await Reader(Email(settings(start_days=7))).count(3)
    assert [None, "1", None] == [one.meta.get("too_large") for one in found]
    large = found[1]
    assert imap.TASTE_BYTES == len(large.body)
    assert int(large.meta["size"]) > 800_000
    assert "BODYSTRUCTURE" in large.meta["structure"]
    assert "Zie de foto." in Email.parse(large)[0].text


async def test_the_keys_of_the_source_can_be_counted_and_fetched_again(dovecot, settings, address):
    dovecot.deliver(address, mail(0))
    email = Email(settings())
    with pytest.raises(TryLater):
        await anext(email.keys({}))
    reader = Reader(email)
    await reader.begin()
    dovecot.deliver(address, mail(1), mail(2))
    found = await reader.count(2)
    dovecot.deliver(address, mail(3))
    keys = [key async for key in email.keys(reader.cursor)]
    assert [one.key for one in found] == keys[:2]
    assert 3 == len(keys)
    again = [one async for one in email.fetch(reader.cursor, [keys[1], keys[2], DeliveryKey("INBOX/1/999")])]
    assert [found[1], keys[2]] == [again[0], again[1].key]


async def test_only_the_keys_of_late_are_counted(dovecot, settings, address):
    reader = Reader(Email(settings()))
    await reader.begin()
    dovecot.deliver(address, mail(1))
    box = dovecot.box(address)
    box.append("INBOX", "", imaplib.Time2Internaldate(datetime.now(UTC) - timedelta(days=30)), mail(2))
    box.logout()
    found = await reader.count(2)
    keys = [key async for key in reader.email.keys(reader.cursor, datetime.now(UTC) - timedelta(days=7))]
    assert [found[0].key] == keys


async def test_a_secret_tells_when_it_ends(settings):
    assert await Email(settings()).expires() is None
    assert datetime(2027, 11, 30, tzinfo=UTC) == await Email(settings(secret_until=" 2027-11-30 ")).expires()
    assert await Email(settings(secret_until="binnenkort")).expires() is None


async def test_a_wrong_password_needs_an_administrator(settings):
    with pytest.raises(SignInNeeded, match="weigert de aanmelding"):
        await Reader(Email(settings(imap_password=Secret("fout")))).begin()


async def test_a_certificate_for_another_name_is_refused(settings):
    with pytest.raises(TryLater, match="certificaat van localhost klopt niet"):
        await Reader(Email(settings(imap_host="localhost"))).begin()


async def test_no_password_goes_over_a_network_in_the_clear(settings):
    with pytest.raises(SignInNeeded, match="Zonder beveiliging"):
        await Reader(Email(settings(imap_host="imap.voorbeeldstad.example", imap_security="none"))).begin()


async def test_starttls(dovecot, settings, address):
    dovecot.deliver(address, mail(1))
    email = Email(settings(imap_port=dovecot.imap, imap_security="starttls", start_days=7))
    assert ["Vraag 1"] == subjects(await Reader(email).count(1))


async def test_a_reader_that_is_stopped_leaves_no_thread(settings, address, proxy):
    reading_now = asyncio.create_task(Reader(Email(settings(imap_port=proxy.port, imap_security="none"))).count(1))
    await proxy.until_heard(b"IDLE")
    thread = next(one for one in threading.enumerate() if address in one.name)
    reading_now.cancel()
    await asyncio.to_thread(thread.join, 5.0)
    assert not thread.is_alive()
    assert PASSWORD not in thread.name
