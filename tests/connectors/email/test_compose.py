"""A reply as a mail: nothing in it can become a header, and every other mail program reads it."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

import pytest

from connectors import Attachment, Author, Delivery, DeliveryKey, ExternalId, Refused
from connectors.email import Email, Settings
from connectors.email.compose import compose, recipients
from tests.connectors.email.conftest import reply

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SETTINGS = Settings(address="post@voorbeeldstad.example", display_name="Gemeente Voorbeeldstad", imap_host="i",
                    smtp_host="s")


def written(outgoing, settings=SETTINGS, proved=False):
    raw = compose(outgoing, settings, AT, proved)
    assert raw.isascii() and b"\n" not in raw.replace(b"\r\n", b"")
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_text_page_image_and_file_in_the_usual_order():
    files = (Attachment("logo.png", "image/png", b"\x89PNG", inline=True, content_id="logo@x"),
             Attachment("brief é.pdf", "application/pdf", b"%PDF"), Attachment("m.eml", "message/rfc822", b"From: x"))
    message = written(reply(text="Café om 9 uur.\n", html='<p>Café</p><img src="cid:logo@x">', attachments=files))
    assert ["multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
            "application/pdf", "application/octet-stream"] == [part.get_content_type() for part in message.walk()]
    assert "Café om 9 uur.\n" == message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert ["brief é.pdf", "m.eml"] == [part.get_filename() for part in message.iter_attachments()]


def test_our_own_parser_reads_it_back():
    file = Attachment("brief é.pdf", "application/pdf", bytes(range(256)) * 9)
    raw = compose(reply(text="Beste Zoë,\n\n.\n– groet", attachments=(file,), subject="Re: Fiets €5 " + "x" * 100),
                  SETTINGS, AT, False)
    item = Email.parse(Delivery(DeliveryKey("k"), raw, AT))[0]
    assert ("Beste Zoë,\n\n.\n– groet", "Re: Fiets €5 " + "x" * 100) == (item.text, item.subject)
    assert [(file.name, file.content)] == [(one.name, one.content) for one in item.attachments]
    assert ("post@voorbeeldstad.example", "Gemeente Voorbeeldstad") == (item.author.address, item.author.name)
    assert (AT, False, ()) == (item.at, item.auto_reply, item.problems)


@pytest.mark.parametrize("wrong", [
    {"subject": "Re\r\nBcc: derde@thuis.example"}, {"to": (Author("email", "a@b.example\r\nBcc: c@d.example"),)},
    {"external_id": ExternalId("x>\r\nBcc: c@d.example")}, {"to": (Author("email", "geen adres"),)},
    {"external_id": ExternalId("")}])
def test_a_line_end_never_becomes_a_header(wrong):
    with pytest.raises(Refused, match="geen e-mail"):
        compose(reply(**wrong), SETTINGS, AT, False)


def test_names_of_people_and_files_are_made_harmless():
    person = Author("email", "i@thuis.example", "Jan\r\nBcc: c@d.example")
    file = Attachment('a"\r\nX: 1.txt', "text/plain\r\nX: 2", b"x")
    message = written(reply(to=(person,), attachments=(file,)))
    assert "Jan Bcc: c@d.example" == message["To"].addresses[0].display_name
    assert message["Bcc"] is None and message["X"] is None
    part = next(message.iter_attachments())
    assert ("application/octet-stream", 'a"X: 1.txt') == (part.get_content_type(), part.get_filename())


def test_long_and_odd_ids_survive_or_are_left_out():
    long = "a" * 200 + "@outlook.example"
    message = written(reply(answers_to=ExternalId(long), references=(
        ExternalId("een@x.example"), ExternalId("sha256:abc def"), ExternalId("é@x"), ExternalId(long))))
    assert f"<{long}>" == message["In-Reply-To"].strip()
    assert ["<een@x.example>", f"<{long}>"] == message["References"].split()


def test_a_long_chain_keeps_its_first_and_its_last():
    chain = tuple(ExternalId(f"{number}@x.example") for number in range(200))
    kept = written(reply(answers_to=chain[-1], references=chain))["References"].split()
    assert (50, "<0@x.example>", "<151@x.example>", "<199@x.example>") == (len(kept), kept[0], kept[1], kept[-1])


def test_the_reply_address_carries_the_token_only_when_it_works():
    assert "post+nr.k7@voorbeeldstad.example" == written(reply(reply_token="k7"), proved=True)["Reply-To"]
    assert written(reply(reply_token="k7"))["Reply-To"] is None
    assert written(reply(), proved=True)["Reply-To"] is None


def test_blind_copies_are_recipients_and_nothing_else():
    outgoing = reply("a@x.example", cc=(Author("email", "b@x.example"), Author("email", "a@x.example")),
                     bcc=(Author("email", "c@x.example"),))
    assert ["a@x.example", "b@x.example", "c@x.example"] == recipients(outgoing)
    assert "c@x.example" not in str(written(outgoing))
