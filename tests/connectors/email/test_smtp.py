"""Sending: each place where it can go wrong, and what is then known."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace

import pytest

from connectors import Attachment, Refused, Secret, SignInNeeded, TryLater, Unknown
from connectors.email import Email, Settings, smtp
from tests.connectors.email.conftest import Reader, mail, reply
from tests.connectors.email.dovecot import PASSWORD
from tests.connectors.email.ports import free_port
from tests.connectors.email.smtp_servers import Failing, MailServer

SENDER = "post@voorbeeldstad.example"


@pytest.fixture
def sending(certificate):
    """Settings that send to this port without TLS."""
    def make(port: int, **other) -> Settings:
        return Settings(**({"address": SENDER, "display_name": "Gemeente Voorbeeldstad", "imap_host": "127.0.0.1",
                            "imap_password": Secret(PASSWORD), "smtp_host": "127.0.0.1", "smtp_port": port,
                            "smtp_security": "none", "ca_file": str(certificate.authority)} | other))
    return make


@pytest.fixture
async def failing():
    servers = []

    async def make(stage: str, act: str) -> Failing:
        servers.append(Failing(stage, act))
        await servers[-1].start()
        return servers[-1]
    yield make
    for server in servers:
        await server.stop()


async def test_a_reply_goes_out_over_starttls(sending, mail_server):
    sent = await Email(sending(mail_server.port, smtp_security="starttls")).send(
        reply("inwoner@thuis.example", "buur@thuis.example", references=("eerder@thuis.example",)))
    assert ("nr.7@voorbeeldstad.example", ()) == (sent.external_id, sent.notes)
    [envelope] = mail_server.mails
    assert (SENDER, ["inwoner@thuis.example", "buur@thuis.example"]) == (envelope.mail_from, envelope.rcpt_tos)
    assert [SENDER] == mail_server.logins
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert ("<nr.7@voorbeeldstad.example>", "<vraag.1@thuis.example>",
            "<eerder@thuis.example> <vraag.1@thuis.example>") == (
        message["Message-ID"], message["In-Reply-To"], message["References"])
    assert "Gemeente Voorbeeldstad <post@voorbeeldstad.example>" == message["From"]
    assert message["Auto-Submitted"] is None and message["Reply-To"] is None


async def test_tls_from_the_first_byte(sending, token_server, certificate):
    server = MailServer(token_server)
    await server.start(certificate.server_context(), implicit=True)
    await Email(sending(server.port, smtp_security="tls")).send(reply(text="regel\n.\n..twee\n" + "z" * 3000))
    await server.stop()
    message = email.message_from_bytes(server.mails[0].content, policy=email.policy.default)
    assert "regel\n.\n..twee\n" + "z" * 3000 + "\n" == message.get_content().replace("\r\n", "\n")


async def test_a_large_mail_arrives_whole_over_tls(sending, mail_server):
    content = bytes(range(256)) * 40_000
    file = Attachment("tekening.bin", "application/octet-stream", content)
    await Email(sending(mail_server.port, smtp_security="starttls")).send(reply(attachments=(file,)))
    message = email.message_from_bytes(mail_server.mails[0].content, policy=email.policy.default)
    assert content == next(message.iter_attachments()).get_content()


REFUSED = [("MAIL", "550 5.7.1 sender not allowed"), ("RCPT", "550 5.1.1 no such user"), ("DATA", "554 5.7.1 no"),
           ("text", "552 5.3.4 too big"), ("dot", "554 5.6.0 spam")]
LATER = [(stage, act) for stage in ("greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "text")
         for act in ("drop", "stall", "451 4.7.1 try later")] + [
    ("dot", "452 4.3.1 disk full"), ("greeting", "554 5.7.1 go away"), ("MAIL", "421 4.3.2 closing")]
NOT_KNOWN = [("dot", "drop"), ("dot", "stall"), ("dot", "niet te lezen"), ("dot", "354 go on")]


@pytest.fixture
def quick(monkeypatch):
    for name in ("CONNECT_SECONDS", "ANSWER_SECONDS", "FINAL_SECONDS"):
        monkeypatch.setattr(smtp, name, 0.4)
    monkeypatch.setattr(smtp, "SLOWEST_BYTES_A_SECOND", 100_000_000)


@pytest.mark.parametrize("stage, act", REFUSED)
async def test_a_refusal_is_certain_and_says_why(sending, failing, quick, stage, act):
    server = await failing(stage, act)
    with pytest.raises(Refused) as told:
        await Email(sending(server.port)).send(reply())
    assert act in str(told.value)
    assert (1 if stage == "dot" else 0) == server.complete


@pytest.mark.parametrize("stage, act", LATER)
async def test_before_the_final_dot_nothing_was_sent(sending, failing, quick, stage, act):
    server = await failing(stage, act)
    with pytest.raises(TryLater) as told:
        await Email(sending(server.port)).send(reply(text="abc\n" * 2_500_000 if stage == "text" else "abc"))
    assert told.value.after > 0
    assert PASSWORD not in str(told.value)
    assert stage == "dot" or 0 == server.complete


@pytest.mark.parametrize("stage, act", NOT_KNOWN)
async def test_after_the_final_dot_without_an_answer_it_is_not_known(sending, failing, quick, stage, act):
    server = await failing(stage, act)
    with pytest.raises(Unknown):
        await Email(sending(server.port)).send(reply())
    assert 1 == server.complete


@pytest.mark.parametrize("stage, act", [("AUTH", "535 5.7.8 bad credentials"), ("AUTH", "534 5.7.9 use an app"),
                                        ("MAIL", "530 5.7.0 sign in first")])
async def test_a_refused_sign_in_needs_an_administrator(sending, failing, stage, act):
    server = await failing(stage, act)
    with pytest.raises(SignInNeeded, match=act):
        await Email(sending(server.port)).send(reply())


async def test_one_refused_recipient_among_several_is_a_note(sending, mail_server):
    mail_server.refuse["to weg@thuis.example"] = "550 5.1.1 no such user"
    sent = await Email(sending(mail_server.port, smtp_security="starttls")).send(
        reply("inwoner@thuis.example", "weg@thuis.example"))
    assert 1 == len(sent.notes)
    assert "weg@thuis.example" in sent.notes[0] and "550 5.1.1 no such user" in sent.notes[0]
    assert ["inwoner@thuis.example"] == mail_server.mails[0].rcpt_tos


async def test_when_every_recipient_is_refused_the_milder_answer_decides(sending, mail_server):
    mail_server.refuse |= {"to a@thuis.example": "550 no", "to b@thuis.example": "450 4.2.0 greylisted"}
    channel = Email(sending(mail_server.port, smtp_security="starttls"))
    with pytest.raises(TryLater, match="greylisted"):
        await channel.send(reply("a@thuis.example", "b@thuis.example"))
    with pytest.raises(Refused, match="550 no"):
        await channel.send(reply("a@thuis.example"))
    assert [] == mail_server.mails


async def test_a_mail_over_the_servers_limit_is_not_tried(sending, token_server):
    server = MailServer(token_server, size=2_000_000)
    await server.start()
    with pytest.raises(Refused, match="te groot"):
        await Email(sending(server.port)).send(reply(text="abc\n" * 600_000))
    await server.stop()


async def test_nobody_there_a_wrong_name_and_a_wrong_certificate(sending, mail_server):
    with pytest.raises(TryLater, match="Geen verbinding met 127.0.0.1"):
        await Email(sending(free_port())).send(reply())
    with pytest.raises(TryLater, match="niet gevonden"):
        await Email(sending(25, smtp_host="nergens.invalid", smtp_security="tls")).send(reply())
    with pytest.raises(TryLater, match="certificaat van localhost klopt niet"):
        await Email(sending(mail_server.port, smtp_host="localhost", smtp_security="starttls")).send(reply())
    with pytest.raises(SignInNeeded, match="Zonder beveiliging"):
        await Email(sending(25, smtp_host="mail.voorbeeldstad.example")).send(reply())


async def test_a_server_that_does_not_encrypt_gets_no_password(sending, failing):
    server = await failing("niets", "")
    with pytest.raises(TryLater, match="STARTTLS"):
        await Email(sending(server.port, smtp_security="starttls")).send(reply())


async def test_special_letters_in_an_address(sending, mail_server, failing):
    settings = sending(mail_server.port, smtp_security="starttls")
    await Email(settings).send(reply("zoë@gemeente-é.example"))
    assert ["zoë@xn--gemeente--j4a.example"] == mail_server.mails[0].rcpt_tos
    assert "To: zoë@xn--gemeente--j4a.example\r\n".encode() in mail_server.mails[0].content
    server = await failing("niets", "")
    with pytest.raises(Refused, match="bijzondere letters"):
        await Email(sending(server.port)).send(reply("zoë@thuis.example"))


@pytest.mark.dovecot
async def test_a_real_reply_threads_back(dovecot, settings, forwarding, address):
    """Question in by LMTP, answer out by SMTP, the resident's reply to that in again."""
    channel = Email(settings(smtp_port=forwarding.port))
    resident = f"inwoner-{address}"
    reader = Reader(channel)
    await reader.begin()
    dovecot.deliver(address, mail(1, From=resident))
    question = channel.parse((await reader.count(1))[0])[0]

    answer = reply(resident, answers_to=question.external_id, references=(*question.answers_to, question.external_id))
    await channel.send(answer)
    theirs = Reader(Email(settings(address=resident, start_days=1, smtp_port=forwarding.port)))
    got = channel.parse((await theirs.count(1))[0])[0]
    assert (answer.external_id, (question.external_id,)) == (got.external_id, got.answers_to)

    back = reply(address, external_id="dank@thuis.example", answers_to=got.external_id,
                 references=(*got.answers_to, got.external_id), text="Dank u wel!")
    await Email(replace(theirs.email.settings, display_name="")).send(back)
    found = channel.parse((await reader.count(1))[0])[0]
    assert (question.external_id, answer.external_id) == found.answers_to
    assert "Dank u wel!" == found.text
