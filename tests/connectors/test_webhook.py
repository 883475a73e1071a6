"""The webhook channel: events as they were sent, signatures and every trick with them, and a strict other system."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from connectors import (
    Attachment,
    Author,
    Delivery,
    DeliveryKey,
    ExternalId,
    Kind,
    NotAccepted,
    NotVerified,
    Outgoing,
    Refused,
    Secret,
    SignInNeeded,
    TryLater,
    Unknown,
    outbound,
    signature,
)
from connectors.webhook import FILES, Settings, Webhook
from tests.browser.town import free_port

PAYLOADS = Path(__file__).parent / "webhook"
AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
NEW, OLD = "een-nieuw-geheim-van-de-gemeente", "whsec_" + base64.b64encode(bytes(range(32))).decode()
HOOK = Webhook(Settings(secret=Secret(NEW), previous_secret=Secret(OLD)))
BODY = b'{"id": "m-1", "text": "De lantaarn is uit."}'
OUT = Outgoing("newsroom-7", ExternalId("<7@voorbeeldstad.example>"), "Re: Lantaarn", "We komen kijken.",
               html="<p>x</p>", public=True, to=(Author("email", "jan@voorbeeld.example", "Jan"),),
               answers_to=ExternalId("m-1"), references=(ExternalId("m-1"),),
               attachments=(Attachment("a.txt", "text/plain", b"\0hallo"),))


def signed(body: bytes = BODY, secret: str = NEW, id: str = "evt-1", at: datetime = AT) -> dict[str, str]:
    """The headers, made here from the words of the specification."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    moment = str(int(at.timestamp()))
    digest = hmac.new(key, f"{id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {"Webhook-Id": id, "Webhook-Timestamp": moment,
            "Webhook-Signature": "v1," + base64.b64encode(digest).decode()}


# --- in ----------------------------------------------------------------------------------------------------------

def read(case: dict) -> list[dict]:
    raw = case["raw"] if "raw" in case else json.dumps(case["body"])
    items = Webhook.parse(Delivery(DeliveryKey(case["key"]), raw.encode(), datetime.fromisoformat(case["received_at"])))
    return [{"kind": str(item.kind), "external_id": item.external_id, "at": item.at.isoformat(),
             "author": [item.author.kind, item.author.address, item.author.name], "direction": item.direction,
             "public": item.public, "subject": item.subject, "text": item.text, "html": item.html,
             "answers_to": list(item.answers_to), "to": [[one.kind, one.address, one.name] for one in item.to],
             "details": [list(pair) for pair in item.details], "auto_reply": item.auto_reply, "url": item.source_url,
             "files": [[file.name, file.type, file.content.decode("latin-1")] for file in item.attachments],
             "problems": list(item.problems), "language": item.language} for item in items]


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_event_is_read_as_recorded_and_refused_at_the_door_when_it_is_none(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    found = read(case)
    assert case["expected"] == found
    raw = (case["raw"] if "raw" in case else json.dumps(case["body"])).encode()
    if found[0]["kind"] == Kind.NOT_UNDERSTOOD:
        with pytest.raises(NotAccepted):
            HOOK.verify(signed(raw), raw, AT)
    else:
        assert raw == HOOK.verify(signed(raw), raw, AT).body


def test_a_signed_event_is_a_delivery_under_its_id():
    for secret in (NEW, OLD):
        item = HOOK.verify(signed(secret=secret), BODY, AT)
        assert ("evt-1", BODY, AT) == (item.key, item.body, item.received_at)
    both = {**signed(), "Webhook-Signature": "v1a,abc v1,AAAA " + signed()["Webhook-Signature"]}
    assert "evt-1" == HOOK.verify(both, BODY, AT).key


SIGNATURE = signed()["Webhook-Signature"]
FORGED = {
    "nothing": {}, "other key": signed(secret="een-ander-geheim-van-iemand-anders"),
    "other id": {**signed(), "Webhook-Id": "evt-2"}, "no id": {**signed(), "Webhook-Id": ""},
    "other moment": {**signed(), "Webhook-Timestamp": str(int(AT.timestamp()) + 1)},
    "id with a stop": signed(id="evt.1"), "no version": {**signed(), "Webhook-Signature": SIGNATURE[3:]},
    "other version": {**signed(), "Webhook-Signature": "v2," + SIGNATURE[3:]},
    "not base64": {**signed(), "Webhook-Signature": "v1,\udcff"}, "empty": {**signed(), "Webhook-Signature": "v1,"},
    "too many": {**signed(), "Webhook-Signature": "v1,AAAA " * 10 + SIGNATURE},
    "a moment in words": {**signed(), "Webhook-Timestamp": "now"},
    "a moment too large": {**signed(), "Webhook-Timestamp": "9" * 12},
    "digits of another script": {**signed(), "Webhook-Timestamp": "١٧٦"},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
def test_a_forged_signature_is_refused(headers):
    with pytest.raises(NotVerified):
        HOOK.verify(headers, BODY, AT)


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False),
                                               (86_400, False)])
def test_a_signature_counts_five_minutes(seconds, good):
    headers = signed(at=AT - timedelta(seconds=seconds))
    if good:
        assert HOOK.verify(headers, BODY, AT)
    else:
        with pytest.raises(NotVerified):
            HOOK.verify(headers, BODY, AT)


@given(st.integers(0, len(BODY) * 8 - 1))
def test_one_bit_of_the_body_is_enough(bit):
    flipped = bytearray(BODY)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotVerified):
        HOOK.verify(signed(), bytes(flipped), AT)


def test_the_same_json_in_other_bytes_is_not_what_was_signed():
    with pytest.raises(NotVerified):
        HOOK.verify(signed(), json.dumps(json.loads(BODY), indent=1).encode(), AT)


@pytest.mark.parametrize(("secret", "previous"), [("", ""), ("short", ""), ("", OLD), ("whsec_not base64!", ""),
                                                  ("whsec_" + base64.b64encode(b"short").decode(), "")])
def test_without_a_good_secret_nothing_is_taken(secret, previous):
    hook = Webhook(Settings(secret=Secret(secret), previous_secret=Secret(previous)))
    for by in filter(None, (secret, previous, OLD)):
        try:
            headers = signed(secret=by)
        except ValueError:
            headers = signed()
        with pytest.raises(NotVerified):
            hook.verify(headers, BODY, AT)


def test_after_rotation_the_old_secret_is_worth_nothing():
    with pytest.raises(NotVerified):
        Webhook(Settings(secret=Secret(NEW))).verify(signed(secret=OLD), BODY, AT)


def test_too_many_files_are_refused_in_words():
    raw = json.dumps({"files": [{"name": "a", "content": ""}] * (FILES + 1)}).encode()
    with pytest.raises(NotAccepted, match=f"at most {FILES} files"):
        HOOK.verify(signed(raw), raw, AT)


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["id", "text", "at", "author", "fields", "files", "to", "type", "url"]), inner)).map(
            lambda value: json.dumps(value).encode()))
def test_what_comes_in_is_always_something_to_show(raw):
    item, = Webhook.parse(Delivery(DeliveryKey("k"), raw, AT))
    assert item.at <= AT and item.external_id


# --- out ---------------------------------------------------------------------------------------------------------

@dataclass
class Other:
    """The other system: takes an id once, checks the signature itself, and answers as it is told."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b'{"id": "theirs-1"}'
    cut: bool = False
    taken: dict[str, dict] = field(default_factory=dict)
    asked: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.asked += 1
        id, moment = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        signatures = request.headers["webhook-signature"].split()
        good = {signed(raw, secret, id, datetime.fromtimestamp(int(moment), UTC))["Webhook-Signature"]
                for secret in (NEW, OLD)}
        if not good & set(signatures) or abs(datetime.now(UTC).timestamp() - int(moment)) > 300:
            return web.Response(status=401)
        if self.status < 300:
            assert request.content_type == "application/json"
            self.taken.setdefault(id, json.loads(raw))
        if self.cut:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=self.status, body=self.answer, headers=self.headers)


@pytest.fixture
def inside():
    """This machine may be reached, as when the operator allows it."""
    outbound.permit(["127.0.0.0/8"])
    yield
    outbound.permit([])


@asynccontextmanager
async def other_system() -> AsyncIterator[Other]:
    other, app = Other(), web.Application(client_max_size=1 << 26)
    app.router.add_post("/berichten", other.serve)
    async with TestServer(app) as server:
        other.url = str(server.make_url("/berichten"))
        yield other


def hook(url: str, secret: str = NEW, previous: str = "") -> Webhook:
    return Webhook(Settings(secret=Secret(secret), previous_secret=Secret(previous), url=url))


@pytest.mark.parametrize("secrets", [(NEW, ""), (OLD, ""), (NEW, OLD), ("x" * 40, OLD)])
async def test_a_reply_arrives_signed_and_gets_their_id(inside, secrets):
    async with other_system() as other:
        sent = await hook(other.url, *secrets).send(OUT)
    assert "theirs-1" == sent.external_id
    assert {"newsroom-7": {
        "type": "message", "id": OUT.external_id, "answers_to": "m-1", "references": ["m-1"], "public": True,
        "to": [{"kind": "email", "address": "jan@voorbeeld.example", "name": "Jan"}], "subject": "Re: Lantaarn",
        "text": "We komen kijken.", "html": "<p>x</p>", "files": [
            {"name": "a.txt", "content": base64.b64encode(b"\0hallo").decode(), "type": "text/plain"}]}} == other.taken


@pytest.mark.parametrize("answer", [b"", b"ok", b"[]", b'{"id": 7}', b'{"id": ""}', b'{"id": "a\\u0000"}', b"[" * 9000])
async def test_without_an_id_of_theirs_ours_counts(inside, answer):
    async with other_system() as other:
        other.answer = answer
        assert OUT.external_id == (await hook(other.url).send(OUT)).external_id


OUTCOMES = {400: Refused, 401: SignInNeeded, 403: SignInNeeded, 404: Refused, 408: Unknown, 409: Refused, 410: Refused,
            413: Refused, 422: Refused, 425: TryLater, 429: TryLater, 500: Unknown, 502: Unknown, 503: TryLater,
            301: Refused, 307: Refused}


@pytest.mark.parametrize("status", OUTCOMES)
async def test_each_answer_has_its_outcome(inside, status):
    async with other_system() as other:
        other.status, other.headers = status, {"Retry-After": "7", "Location": "/berichten"}
        with pytest.raises(OUTCOMES[status]) as raised:
            await hook(other.url).send(OUT)
    assert 1 == other.asked and str(status) in str(raised.value) and "127.0.0.1" in str(raised.value)
    assert not isinstance(raised.value, TryLater) or 7 == raised.value.after


async def test_a_cut_connection_is_tried_again_under_the_same_id(inside):
    async with other_system() as other:
        other.cut = True
        with pytest.raises(Unknown, match="Misschien"):
            await hook(other.url).send(OUT)
        other.cut = False
        await hook(other.url).send(OUT)
    assert 2 == other.asked and ["newsroom-7"] == list(other.taken)


async def test_what_cannot_be_sent_says_why(inside):
    nobody = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(Refused, match="geen adres"):
        await HOOK.send(OUT)
    with pytest.raises(TryLater, match="niet te bereiken"):
        await hook(nobody).send(OUT)
    with pytest.raises(SignInNeeded, match="geheim"):
        await hook(nobody, "short").send(OUT)
    async with other_system() as other:
        with pytest.raises(SignInNeeded, match="handtekening"):
            await hook(other.url, "een-geheim-dat-zij-niet-kennen").send(OUT)


async def test_the_check_asks_the_other_system(inside):
    async with other_system() as other:
        steps = await hook(other.url, NEW, OLD).check()
        assert [("Geheim", True), ("Vorig geheim", True), ("Antwoorden", True)] == [(one.name, one.ok) for one in steps]
        assert ["ping"] == [body["type"] for body in other.taken.values()]
        other.status = 500
        assert not (await hook(other.url).check())[-1].ok
    assert [False] == [one.ok for one in await Webhook(Settings(Secret("x"))).check()][:1]
    outbound.permit([])
    assert "NEWSROOM_OUTBOUND_NETWORKS" in (await hook(other.url).check())[-1].problem


def test_a_key_is_long_enough_or_none():
    assert signature.key(NEW) == NEW.encode() and signature.key(OLD) == bytes(range(32))
    assert b"" == signature.key("x" * 23) == signature.key("whsec_%%%")

