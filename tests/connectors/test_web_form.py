"""Web forms: payloads as they were sent, with what must be read from them; the key at the door; masked numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import Delivery, DeliveryKey, Kind, NotVerified, Outgoing, Refused, Secret
from connectors.web_form import Settings, WebForm, message, registration, submission, values

PAYLOADS = Path(__file__).parent / "web_form"
AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
KEY = "Token een-lange-sleutel-voor-de-test"


def read(case: dict) -> list[dict]:
    """What the connector reads from a payload, as it stands in the file."""
    raw = case["raw"] if "raw" in case else json.dumps(case["body"])
    meta = {"source": case["source"]} if case["source"] else {}
    items = WebForm.parse(Delivery(DeliveryKey(case["key"]), raw.encode(), datetime.fromisoformat(case["received_at"]),
                                   "application/json", meta))
    return [{"kind": str(item.kind), "external_id": item.external_id, "at": item.at.isoformat(),
             "author": [item.author.kind, item.author.address, item.author.name], "subject": item.subject,
             "text": item.text, "details": [list(pair) for pair in item.details],
             "files": [[file.name, file.type, file.content.decode("latin-1")] for file in item.attachments],
             "problems": list(item.problems), "language": item.language} for item in items]


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_payload_is_read_as_recorded(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["expected"] == read(case)


def test_every_source_has_payloads_that_are_not_understood():
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in PAYLOADS.glob("*.json")]
    strange = {case["source"] for case in cases if case["expected"][0]["kind"] == Kind.NOT_UNDERSTOOD}
    assert {"", "form", "open_forms"} == strange


def test_the_same_answers_give_the_same_bytes_and_files_survive():
    answers = [submission.Answer("vraag", "Wat is uw vraag?", "Héé", "text")]
    files = [("bijlage", "é.pdf", "application/pdf", bytes(range(256)))]
    first, second = (submission.body("vraag", "Stel uw vraag", 3, "nl", answers, files) for _ in range(2))
    assert first == second
    item, = WebForm.parse(Delivery(DeliveryKey("k"), first, AT, submission.CONTENT_TYPE, {"source": "form"}))
    assert ("Héé", "é.pdf", bytes(range(256))) == (item.text, item.attachments[0].name, item.attachments[0].content)


def body(**metadata: str) -> bytes:
    return json.dumps({"values": {}, "values_schema": {}, "metadata": metadata, "metadata_schema": {}}).encode()


def test_a_registration_needs_the_configured_key():
    form = WebForm(Settings(api_key=Secret(KEY)))
    raw = body(public_reference="OF-1")
    delivery = form.verify({"authorization": KEY}, raw, AT)
    assert ("OF-1", raw, AT, {"source": "open_forms"}) == (delivery.key, delivery.body, delivery.received_at,
                                                           dict(delivery.meta))
    for headers in ({}, {"Authorization": KEY[:-1]}, {"Authorization": KEY + "x"}, {"Authorization": "é"},
                    {"X-Api-Key": KEY}):
        with pytest.raises(NotVerified):
            form.verify(headers, raw, AT)


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_good_key_nothing_is_accepted(secret):
    with pytest.raises(NotVerified):
        WebForm(Settings(api_key=Secret(secret))).verify({"Authorization": secret}, body(public_reference="x"), AT)


@pytest.mark.parametrize("raw", [b"", b"[]", b"not json", b"{}", b'{"metadata": []}', body(),
                                 b'{"metadata": {"public_reference": 7}}'])
def test_a_registration_without_a_reference_is_kept_under_its_hash(raw):
    delivery = WebForm(Settings(api_key=Secret(KEY))).verify({"Authorization": KEY}, raw, AT)
    assert delivery.key.startswith("sha256:") and raw == delivery.body
    assert 1 == len(WebForm.parse(delivery))


@pytest.mark.parametrize("text, expected", [
    ("111222333", values.MASK), ("Mijn BSN: 1112.22.333.", f"Mijn BSN: {values.MASK}."),
    ("1112 22 333", values.MASK), ("(123456782)", f"({values.MASK})"),
    ("123456789", "123456789"), ("000000000", "000000000"), ("0612345678", "0612345678"),
    ("+31111222333", "+31111222333"), ("NL11RABO0111222333", "NL11RABO0111222333"),
    ("1112223334", "1112223334"), ("zaak-111222333", "zaak-111222333"),
])
def test_numbers_that_pass_the_eleven_test_are_masked(text, expected):
    assert expected == values.mask(text)


@pytest.mark.parametrize("name, expected", [
    ("bsn", True), ("auth_bsn", True), ("bsnPartner", True), ("inp.bsn", True), ("Burgerservicenummer", True),
    ("uw sofinummer", True), ("absnt", False), ("BSNL", False), ("telefoonnummer", False)])
def test_fields_named_after_the_number_are_known(name, expected):
    assert expected == values.names_bsn(name)


@pytest.mark.parametrize("text, expected", [
    ("A@B.example", "a@b.example"), (" a@b.example ", "a@b.example"), ("a@b", ""), ("a b@c.example", ""),
    ("a@b.example, c@d.example", ""), ("<a@b.example>", ""), ("x" * 250 + "@b.example", ""), ("", "")])
def test_email_addresses(text, expected):
    assert expected == values.email_address(text)


@pytest.mark.parametrize("text, expected", [
    ("06-12345678", "+31612345678"), ("0031 6 1234 5678", "+31612345678"), ("+32 470 12 34 56", "+32470123456"),
    ("bel mij", ""), ("12", ""), ("9" * 60, "")])
def test_telephone_numbers(text, expected):
    assert expected == values.phone_number(text)


def test_a_deep_or_long_registration_does_not_stop_the_reader():
    deep = b'{"values":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"
    item, = WebForm.parse(Delivery(DeliveryKey("k"), deep, AT, meta={"source": "open_forms"}))
    assert Kind.NOT_UNDERSTOOD == item.kind
    assert "" == registration.key(deep)


def test_an_empty_message_is_recognised():
    assert message.decode(b"{}").empty and message.decode(b'{"text":" ","email":"a@b.example"}').empty
    assert not message.decode(b'{"fields":{"a":1}}').empty


async def test_a_form_sends_nothing_itself():
    with pytest.raises(Refused):
        await WebForm(Settings()).send(Outgoing("k", "id", "onderwerp", "tekst"))
    assert not WebForm.capabilities.sends


@pytest.mark.parametrize("settings, wrong", [
    (Settings(), set()), (Settings(allowed_origins=("https://www.voorbeeldstad.example",)), set()),
    (Settings(allowed_origins=("voorbeeldstad.example",)), {"Websites"}),
    (Settings(allowed_origins=("https://voorbeeldstad.example/contact",)), {"Websites"}),
    (Settings(api_key=Secret("kort")), {"Sleutel van Open Formulieren"}), (Settings(api_key=Secret(KEY)), set())])
async def test_check_names_what_is_wrong(settings, wrong):
    steps = await WebForm(settings).check()
    assert wrong == {step.name for step in steps if not step.ok}
    assert all(step.problem for step in steps if not step.ok)
