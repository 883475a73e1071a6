"""Live chat: payloads as the panel's lines are stored, with what must be read from them; and signed identities."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from connectors import Author, Delivery, DeliveryKey, ExternalId, Kind, Outgoing, Refused, Secret
from connectors.chat import LEFT, Chat, Identity, NotIdentified, Settings, body, key, line_of

PAYLOADS = Path(__file__).parent / "chat"
AT = datetime(2026, 11, 25, 10, 36, tzinfo=UTC)
SHARED = "een-gedeelde-sleutel-van-minstens-32-tekens"
RSA = RSAKey.generate_key(2048)
PUBLIC, PRIVATE = RSA.as_pem(private=False).decode(), RSA.as_pem(private=True).decode()
CLAIMS = {"sub": "inwoner-4711", "name": "Fatima El A.", "email": "fatima@voorbeeld.example", "aud": "newsroom-chat",
          "exp": int((AT + timedelta(minutes=10)).timestamp())}


def read(case: dict) -> list[dict]:
    raw = case["raw"] if "raw" in case else json.dumps(case["body"])
    meta = ({"source": case["source"]} if case["source"] else {}) | case.get("meta", {})
    items = Chat.parse(Delivery(DeliveryKey(case["key"]), raw.encode(), datetime.fromisoformat(case["received_at"]),
                                "application/json", meta))
    return [{"kind": str(item.kind), "external_id": item.external_id, "author":
             [item.author.kind, item.author.address, item.author.name], "text": item.text,
             "details": [list(pair) for pair in item.details], "answers_to": list(item.answers_to),
             "files": [[file.name, file.type, file.content.decode("latin-1")] for file in item.attachments],
             "problems": list(item.problems), "language": item.language} for item in items]


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_payload_is_read_as_recorded(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    assert case["expected"] == read(case)


def test_the_same_line_gives_the_same_bytes_whoever_the_visitor_says_to_be():
    files = [("é.pdf", "application/pdf", bytes(range(256)))]
    first, second = (body("v1", "a1", "Héé", files) for _ in range(2))
    assert first == second
    items = [Chat.parse(Delivery(key("v1", "a1"), first, AT, meta=meta))[0] for meta in ({}, {"name": "Fatima"})]
    assert [("Héé", bytes(range(256)))] * 2 == [(one.text, one.attachments[0].content) for one in items]
    assert ["", "Fatima"] == [one.author.name for one in items] and "a1" == line_of(items[0].external_id)


def test_a_message_left_while_closed_is_of_whoever_has_the_address():
    item, = Chat.parse(Delivery(key("left-a", "a"), body("left-a", "a", "Hallo"), AT,
                                meta={"source": LEFT, "email": "J@Voorbeeld.example", "name": "J."}))
    assert (Author("email", "j@voorbeeld.example", "J."), ()) == (item.author, item.answers_to)


async def test_a_reply_is_there_the_moment_it_is_sent_and_for_a_visitor_only():
    chat = Chat(Settings())
    reply = Outgoing("k", ExternalId("<1@x.example>"), "", "Hallo", to=(Author("chat", "v1"),))
    assert "<1@x.example>" == (await chat.send(reply)).external_id
    with pytest.raises(Refused):
        await chat.send(Outgoing("k", ExternalId("<1@x.example>"), "", "Hallo"))


def signed(claims: dict, key=None, algorithm: str = "HS256") -> str:
    return jwt.encode({"alg": algorithm}, claims, key or OctKey.import_key(SHARED), algorithms=[algorithm])


def forged(key: str) -> str:
    """HS256 by hand with any text as its key: the library itself refuses to make one with a public key."""
    head = signed(CLAIMS).rpartition(".")[0]
    sign = hmac.new(key.strip().encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(sign).rstrip(b'=').decode()}"


def test_the_forgery_is_a_good_one():
    assert signed(CLAIMS) == forged(SHARED)


@pytest.mark.parametrize("secret, token", [
    (SHARED, signed(CLAIMS)), (PUBLIC, signed(CLAIMS, RSA, "RS256")),
    (PUBLIC.replace("\n", ""), signed(CLAIMS, RSA, "RS256")), (PUBLIC.replace("\n", " "), signed(CLAIMS, RSA, "RS256")),
    (SHARED, signed({**CLAIMS, "aud": ["iets-anders", "newsroom-chat"]})),
    (SHARED, signed({**CLAIMS, "exp": int(AT.timestamp()) - 30})),  # clocks differ by less than a minute
])
def test_a_signed_identity_is_believed(secret, token):
    found = Chat(Settings(identity_key=Secret(secret))).identify(token, AT)
    assert Identity("inwoner-4711", "Fatima El A.", "fatima@voorbeeld.example") == found


def without(*names: str) -> dict:
    return {name: value for name, value in CLAIMS.items() if name not in names}


@pytest.mark.parametrize("secret, token", [
    ("", signed(CLAIMS)), (SHARED, ""), (SHARED, "a.b.c"), (SHARED, "x" * 9000), (SHARED, "é.é.é"),
    (SHARED, signed(CLAIMS)[:-2]), (SHARED, signed(CLAIMS, OctKey.import_key(SHARED + "x"))),
    (SHARED, signed({**CLAIMS, "exp": int((AT - timedelta(minutes=5)).timestamp())})),
    (SHARED, signed({**CLAIMS, "aud": "iets-anders"})), (SHARED, signed(without("aud"))),
    (SHARED, signed(without("exp"))), (SHARED, signed(without("sub"))), (SHARED, signed({**CLAIMS, "sub": ""})),
    (SHARED, signed({**CLAIMS, "nbf": int((AT + timedelta(hours=1)).timestamp())})),
    # the public key as a shared one: what is signed with it is signed by anybody
    (PUBLIC, forged(PUBLIC)), (PUBLIC, signed(CLAIMS)),
    (SHARED, signed(CLAIMS, RSA, "RS256")), (PRIVATE, signed(CLAIMS, RSA, "RS256")),
    ("te-kort", signed(CLAIMS, OctKey.import_key("te-kort"))),
    (SHARED, "eyJhbGciOiJub25lIn0." + signed(CLAIMS).split(".")[1] + "."),
])
def test_any_other_identity_is_refused(secret, token):
    with pytest.raises(NotIdentified):
        Chat(Settings(identity_key=Secret(secret))).identify(token, AT)


@pytest.mark.parametrize("settings, wrong", [
    ({}, None), ({"allowed_origins": ("https://www.voorbeeldstad.example",)}, None),
    ({"allowed_origins": ("www.voorbeeldstad.example",)}, "Websites"),
    ({"allowed_origins": ("https://a.example; script-src *",)}, "Websites"),
    ({"allowed_origins": ("https://a.example/pagina",)}, "Websites"),
    ({"privacy_url": "javascript:alert(1)"}, "Privacyverklaring"),
    ({"away_minutes": 0}, "Minuten tot een bezoeker weg is"),
    ({"identity_key": Secret(SHARED)}, None), ({"identity_key": Secret(PUBLIC)}, None),
    ({"identity_key": Secret("kort")}, "Sleutel van uw site"),
    ({"identity_key": Secret(PRIVATE)}, "Sleutel van uw site"),
    ({"identity_key": Secret(SHARED), "identity_audience": ""}, "Sleutel van uw site"),
])
async def test_the_check_says_what_is_wrong(settings, wrong):
    steps = await Chat(Settings(**settings)).check()
    assert ([wrong] if wrong else []) == [step.name for step in steps if not step.ok]


def test_what_is_not_understood_is_among_the_payloads():
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in PAYLOADS.glob("*.json")]
    assert 10 <= len(cases) and 4 <= sum(case["expected"][0]["kind"] == Kind.NOT_UNDERSTOOD for case in cases)
