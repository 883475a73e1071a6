"""What an administrator sees under "Test", and the proof of the reply address."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from connectors import Capabilities, Completeness, Connector, Listener, Proving, Secret, secret_fields
from connectors.email import Email, Settings, check, proof
from tests.connectors.email.conftest import Reader, mail, reply
from tests.connectors.email.dovecot import PASSWORD
from tests.connectors.email.ports import free_port

IN_ORDER = ["Server gevonden", "Verbinding is veilig", "Ingelogd", "Postvak gelezen", "Verzenden mag"]


@pytest.mark.dovecot
async def test_all_is_well(dovecot, settings, mail_server, address, certificate):
    dovecot.deliver(address, *(mail(number) for number in range(1_002)))
    steps = await Email(settings(smtp_port=mail_server.port)).check()
    assert [(name, True, "") for name in IN_ORDER] == [(step.name, step.ok, step.problem) for step in steps]
    assert steps[0].detail.startswith("127.0.0.1, ") and steps[0].detail.endswith(" ms")
    assert f"TLS 1.3, certificaat geldig tot {check._day(certificate.until)}" == steps[1].detail
    assert f"als {address}" == steps[2].detail
    assert "INBOX: 1.002 berichten; verstuurd staat in Verzonden" == steps[3].detail
    assert "127.0.0.1, TLS 1.3; er is niets verstuurd" == steps[4].detail
    assert [] == mail_server.mails


@pytest.mark.dovecot
@pytest.mark.parametrize("wrong, name, words", [
    ({"imap_port": 0}, "Server niet gevonden", "Controleer de naam en de poort"),
    ({"imap_host": "localhost"}, "Verbinding is niet veilig", "certificaat van localhost"),
    ({"imap_password": Secret("fout"), "smtp_password": Secret(PASSWORD)}, "Niet ingelogd", "weigert de aanmelding"),
    ({"imap_password": Secret(""), "smtp_password": Secret(PASSWORD)}, "Niet ingelogd", "Vul het wachtwoord"),
    ({"inbox": "Bestaat niet"}, "Postvak niet gelezen", "Controleer de mapnaam"),
    ({"sent": "Bestaat niet"}, "Postvak niet gelezen", "Controleer de mapnaam")])
async def test_receiving_stops_where_it_fails_and_sending_is_tried_all_the_same(settings, mail_server, wrong, name,
                                                                                words):
    if wrong.get("imap_port") == 0:
        wrong = {"imap_port": free_port()}
    steps = await Email(settings(**({"smtp_port": mail_server.port} | wrong))).check()
    assert (name, False) == (steps[-2].name, steps[-2].ok)
    assert words in steps[-2].problem
    assert ("Verzenden mag", True) == (steps[-1].name, steps[-1].ok)
    assert all(step.ok for step in steps[:-2])


@pytest.mark.dovecot
@pytest.mark.parametrize("stage", ["", "to "])
async def test_a_sender_that_is_not_allowed_is_told_in_words_for_ict(settings, mail_server, address, stage):
    mail_server.refuse[stage + address] = "550 5.7.1 sender not allowed"
    step = (await Email(settings(smtp_port=mail_server.port)).check())[-1]
    assert ("Verzenden mag niet", False) == (step.name, step.ok)
    assert f"“Sta {address} toe voor dit account.”" in step.problem
    assert step.problem.endswith("Antwoord van de server: 550 5.7.1 sender not allowed")


@pytest.mark.dovecot
async def test_no_step_shows_a_password(settings, mail_server):
    email = Email(settings(smtp_port=mail_server.port, imap_password=Secret("geheim-woord-9")))
    assert "geheim-woord-9" not in repr(await email.check()) + repr(email.settings)


@pytest.mark.dovecot
async def test_the_reply_address_is_used_after_it_is_proved(settings, forwarding, address):
    email = Email(settings(smtp_port=forwarding.port))
    reader = Reader(email)
    await reader.begin()
    await email.send(reply(reply_token="k7"))
    step = await email.prove_reply_address("proof1-s1gn")
    assert (True, "Antwoordadres werkt") == (step.ok, step.name)
    [probe] = await reader.count(1)
    [item] = Email.parse(probe)
    assert item.external_id.startswith("proof1-s1gn.")
    await email.send(reply(reply_token="k7"))
    local, _, domain = address.partition("@")
    assert [False, True] == [f"Reply-To: {local}+nr.k7@{domain}".encode() in forwarding.mails[number].content
                             for number in (0, 2)]


@pytest.mark.dovecot
async def test_without_plus_addresses_the_message_id_is_enough(settings, mail_server, monkeypatch):
    monkeypatch.setattr(proof, "ARRIVAL_SECONDS", 0.3)
    email = Email(settings(smtp_port=mail_server.port))  # takes the mail and never brings it
    email.reply_address_proved = True
    step = await email.prove_reply_address("proof1-s1gn")
    assert (True, "Antwoordadres wordt niet gebruikt") == (step.ok, step.name)
    assert "Message-ID" in step.detail
    assert not email.reply_address_proved


@pytest.mark.dovecot
async def test_a_proof_that_cannot_be_sent_says_why(settings):
    step = await Email(settings(smtp_port=free_port())).prove_reply_address("proof1-s1gn")
    assert (False, "Antwoordadres niet getest") == (step.ok, step.name)
    assert "Geen verbinding" in step.problem


def test_it_keeps_the_contract():
    email = Email(Settings(address="post@voorbeeldstad.example", imap_host="i", smtp_host="s"))
    assert all(isinstance(email, what) for what in (Connector, Listener, Completeness, Proving))
    assert Capabilities(longest_subject=255, attachment_bytes=20_000_000, threads=True, sent_items=True,
                        copies=True) == email.capabilities
    assert {"imap_password", "smtp_password", "client_secret", "refresh_token"} == secret_fields(Settings)
    for field in fields(Settings):
        assert field.metadata["label"] and field.metadata["description"] and field.metadata["group"], field.name
    same = replace(email.settings, smtp_user="ander@voorbeeldstad.example")
    assert ("post@voorbeeldstad.example", "ander@voorbeeldstad.example") == (same.imap_name, same.smtp_name)


def test_the_page_names_every_file_and_meta():
    room = Path(check.__file__).parent
    page = (room / "README.md").read_text("utf-8")
    for file in room.glob("*.py"):
        assert f"`{file.name}`" in page or file.name == "limits.py", file.name
    source = (room / "reading.py").read_text("utf-8")
    used = set(re.findall(r'meta\["(\w+)"\]', source))
    used |= set(re.findall(r'\b(\w+)=(?:str\(|"1"|structure|"not_|reason)', source))
    assert {"sent", "history", "authserv", "too_large", "size", "structure", "problem", "reason"} == used
    for name in used | {"folder", "own"}:
        assert f"`{name}`" in page, name
