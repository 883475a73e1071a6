"""Hostile mail: bombs, growth and noise. Each is answered with one visible item, in time linear in its size."""

from __future__ import annotations

import base64
import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import Delivery, DeliveryKey, Incoming, Kind
from connectors.email import quotes
from connectors.email.addresses import addresses
from connectors.email.calendars import describe
from connectors.email.charset import clean, decode
from connectors.email.encoding import base64 as read_base64
from connectors.email.encoding import quoted_printable, take_uuencoded
from connectors.email.filename import safe_name
from connectors.email.headers import message_ids, words
from connectors.email.limits import MAIL_BYTES, Notes
from connectors.email.parse import TOO_LARGE, parse
from connectors.email.plain import flowed, from_html
from connectors.email.structure import parameters

RECEIVED = datetime(2025, 11, 4, 9, 0, tzinfo=UTC)
SECONDS = 1.0  # what one bomb may cost, on a machine that does other things too
GROWTH = 24.0  # time(8n) / time(n): 8 when linear, 64 when quadratic; memory and caches take their part
HEAD = b"From: jan@voorbeeld.example\r\nTo: info@noorderdam.example\r\nSubject: Vraag\r\n"
OPENED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def read(raw: bytes, **meta: str) -> Incoming:
    [item] = parse(Delivery(DeliveryKey("k"), raw, RECEIVED, "message/rfc822", meta))
    return item


def multipart(depth: int) -> bytes:
    inner = b"Content-Type: text/plain\r\n\r\nbinnenin\r\n"
    for number in range(depth):
        mark = b"b%dx" % number
        head = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n" % mark
        inner = b"%s--%s\r\n%s\r\n--%s--\r\n" % (head, mark, inner, mark)
    return HEAD + inner


def parts(count: int) -> bytes:
    return HEAD + b'Content-Type: multipart/mixed; boundary="p"\r\n\r\n' + b"--p\r\n\r\nx\r\n" * count + b"--p--\r\n"


BOMBS: dict[str, tuple[bytes, set[str]]] = {
    "500 comments in From": (b"From: " + b"(" * 500 + b")" * 500 + b" a@voorbeeld.example\r\n\r\nx", set()),
    "100,000 open comments": (b"From: " + b"(" * 100_000 + b"\r\n\r\nx", {"header-too-long"}),
    "1,000 messages in one another": (HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 1_000 + b"x", {"too-deep"}),
    "2,000 multiparts in one another": (multipart(2_000), {"too-deep"}),
    "64,000 semicolons": (HEAD + b"Content-Type: text/plain" + b";" * 64_000 + b"\r\n\r\nx", {"header-too-long"}),
    "32,000 encoded words": (b"Subject: " + b"=?utf-8?Q?a?= " * 32_000 + b"\r\n\r\nx", {"headers-too-large"}),
    "5,000 RFC 2231 parameters": (
        HEAD + b"Content-Type: text/plain" + b"".join(b"; a*%d=x" % n for n in range(5_000)) + b"\r\n\r\nx",
        {"header-too-long"}),
    "10,000 addresses": (b"To: " + b", ".join(b"a%d@x.example" % n for n in range(10_000)) + b"\r\n\r\nx",
                         {"header-too-long"}),
    "20,000 parts": (parts(20_000), {"too-many-parts"}),
    "20,000 header lines": (b"X-A: 1\r\n" * 20_000 + HEAD + b"\r\nx", {"too-many-headers"}),
    "one header of 5 MB": (HEAD + b"X-A: " + b"a" * 5_000_000 + b"\r\n\r\nx", {"headers-too-large"}),
    "continuation lines": (HEAD + b"X-A: 1\r\n" + b" a\r\n" * 100_000 + b"\r\nx", {"headers-too-large"}),
    "carriage returns": (b"\r" * 1_000_000, set()),
    "NUL bytes": (b"\0" * 1_000_000, set()),
    "boundary lines": (HEAD + OPENED + b"--b\r\n" * 200_000, set()),
    "base64 of padding": (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QQ==" * 200_000, set()),
    "uuencode beginnings": (HEAD + b"\r\n" + b"begin 644 a\n#86%A\n" * 20_000, set()),
    "signed S/MIME of lengths": (HEAD + b"Content-Type: application/pkcs7-mime\r\n\r\n" + b"\x30\x80" * 200_000, set()),
    "tables in tables": (HEAD + b"Content-Type: text/html\r\n\r\n" + b"<table><tr><td>x" * 20_000, set()),
    "100,000 divs": (HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>x" * 100_000, set()),
    "character number of 9,000 digits": (HEAD + b"Content-Type: text/html\r\n\r\n" + b"<b>" * 300 + b"&#" + b"9" * 9_000
                                         + b"; vraag", set()),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_visible_item(name: str):
    raw, problems = BOMBS[name]
    began = time.process_time()
    item = read(raw)
    assert time.process_time() - began < SECONDS
    assert problems <= set(item.problems)
    assert "unreadable" not in item.problems


def test_a_mail_over_25_megabyte_shows_its_text_and_says_so():
    body = b"Content-Type: multipart/mixed; boundary=p\r\n\r\n--p\r\n\r\nDe tekening.\r\n--p\r\n"
    raw = HEAD + body + b"Content-Type: application/pdf\r\n\r\n" + b"a" * MAIL_BYTES
    item = read(raw)
    assert f"{TOO_LARGE}\n\nDe tekening." == item.text
    assert "too-large" in item.problems
    assert () == item.attachments
    assert "jan@voorbeeld.example" == item.author.address


def test_what_breaks_the_reader_is_still_an_item(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("connectors.email.structure.read", lambda *_: 1 / 0)
    item = read(HEAD + b"\r\nx", sent="1")
    assert (Kind.NOT_UNDERSTOOD, ("unreadable",), "out") == (item.kind, item.problems, item.direction)
    assert item.external_id.startswith("sha256:")


GROWING: dict[str, tuple[Callable[[int], object], int]] = {
    "semicolons": (lambda n: parameters("text/plain" + ";" * n, Notes()), 200_000),
    "parameters": (lambda n: parameters("a/b" + "; x=y" * n, Notes()), 20_000),
    "open quotes in parameters": (lambda n: parameters("a/b" + ';a="\\' * n, Notes()), 20_000),
    "RFC 2231 pieces": (lambda n: parameters("a/b" + "".join(f"; a*{k}=x" for k in range(n)), Notes()), 5_000),
    "encoded words": (lambda n: words("=?utf-8?Q?=C3=A9?= " * n, Notes()), 4_000),
    "encoded words that never end": (lambda n: words("=?utf-8?Q?a " * n, Notes()), 20_000),
    "encoded words in each other": (lambda n: words("=?utf-8?Q?a " * n + "?=", Notes()), 20_000),
    "question marks": (lambda n: words("=?" * n, Notes()), 50_000),
    "comments": (lambda n: addresses("(" * n + ")" * n + "a@b.example", Notes()), 20_000),
    "open comments": (lambda n: addresses("(" * n + "a@b.example", Notes()), 20_000),
    "comments side by side": (lambda n: addresses("(a)" * n + "a@b.example", Notes()), 10_000),
    "open brackets": (lambda n: addresses("<a@" * n, Notes()), 10_000),
    "quotes": (lambda n: addresses('"a\\"' * n, Notes()), 10_000),
    "spaces": (lambda n: addresses(" " * n + "a@b.example x" + " " * n, Notes()), 100_000),
    "name of spaces": (lambda n: addresses("a" + " " * n + "b", Notes()), 100_000),
    "addresses": (lambda n: addresses("a@b.example, " * n, Notes()), 500),
    "ids": (lambda n: message_ids("<a@b.example> " * n), 20_000),
    "open ids": (lambda n: message_ids("<" * n), 200_000),
    "header lines": (lambda n: read(b"X-%d: 1\r\n" % n * n + b"\r\nx"), 5_000),
    "folded lines": (lambda n: read(b"X-A: 1\r\n" + b" a\r\n" * n + b"\r\nx"), 20_000),
    "lines that are no header": (lambda n: read(b"A: 1\r\n" + b"geen kop\r\n" * n), 10_000),
    "parts": (lambda n: read(parts(n)), 20_000),
    "boundary in one line": (lambda n: read(HEAD + OPENED + b"--b" * n), 100_000),
    "depth": (lambda n: read(multipart(n)), 250),
    "base64": (lambda n: read_base64(b"QUJD\r\n" * n, Notes()), 100_000),
    "base64 pieces": (lambda n: read_base64(b"QQ==" * n, Notes()), 20_000),
    "base64 noise": (lambda n: read_base64(b"Dit is geen code.\n" * n, Notes()), 50_000),
    "quoted-printable": (lambda n: quoted_printable(b"=C3=A9 \r\n" * n), 50_000),
    "quoted-printable spaces": (lambda n: quoted_printable(b"a" + b" " * n + b"b \n"), 500_000),
    "uuencode": (lambda n: take_uuencoded("begin 644 a\n#86%A\n" * n, Notes()), 5_000),
    "broken UTF-8": (lambda n: decode(b"\xc3\xa9\xff" * n, "utf-8", Notes()), 100_000),
    "controls": (lambda n: clean("\x07a\r" * n, Notes()), 100_000),
    "quoted lines": (lambda n: quotes.split("> regel\n" * n), 20_000),
    "attributions": (lambda n: quotes.split("Op 3 maart 2025 om 10:12 schreef\n" * n + "> a"), 4_000),
    "header blocks": (lambda n: quotes.split("Van: a\n" * n), 4_000),
    "blank lines after Van": (lambda n: quotes.split("Van: a\n" + "\n" * n), 50_000),
    "borders": (lambda n: quotes.split("________________________________\n" * n), 5_000),
    "foreign words in one line": (lambda n: quotes.split("Am " + "a schrieb " * n + "\n> b"), 20_000),
    "colons": (lambda n: quotes.split("schreef:\n" * n), 4_000),
    "flowed": (lambda n: flowed("> a \n" * n, False), 20_000),
    "open tags": (lambda n: from_html("<a " * n, Notes()), 20_000),
    "angle brackets": (lambda n: from_html("<" * n, Notes()), 50_000),
    "cited blocks": (lambda n: from_html("<blockquote type=cite>a" * n, Notes()), 4_000),
    "open styles": (lambda n: from_html("<style>" * n, Notes()), 10_000),
    "ampersands": (lambda n: from_html("<div>" * 300 + "&" * n, Notes()), 50_000),
    "calendar lines": (lambda n: describe("BEGIN:VEVENT\n" + 'A;B="C:D":E\n' * n, Notes()), 2_000),
    "file name": (lambda n: safe_name("a/" * n, "", 1, Notes()), 100_000),
}


@pytest.mark.parametrize("name", GROWING)
def test_the_time_grows_as_the_size(name: str):
    work, size = GROWING[name]
    ratio = 0.0
    for _ in range(4):  # another program may take the processor once
        small, large = fastest(work, size // 4), fastest(work, size * 2)
        ratio = large / small
        if ratio < GROWTH or large < 0.002:
            return
    pytest.fail(f"{ratio:.1f} times as long for 8 times as much")


def fastest(work: Callable[[int], object], size: int) -> float:
    """Seconds of processor time, the least of three, without the collector's rounds."""
    best = 9.0
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            began = time.process_time()
            work(size)
            best = min(best, time.process_time() - began)
    finally:
        gc.enable()
    return best


PIECES = st.sampled_from([
    b"From: ", b"To: ", b"Subject: ", b"Content-Type: ", b"multipart/mixed", b"text/html", b"text/plain",
    b"message/rfc822", b"; boundary=b", b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"=?utf-8?Q?",
    b"=?utf-8?B?", b"?=", b"<", b">", b'"', b"(", b")", b",", b";", b"@", b"=", b"charset=", b"utf-7", b"utf-16",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Disposition: attachment; filename*0*=x''", b"begin 644 a\n", b"#86%A\n", b"end\n", b"> ",
    b"Op 3 nov 2025 om 10:12 schreef A <a@b.example>:\n", b"Van: a\nDatum: b\nAan: c\n", b"\0", b"Date: ",
    b"Mon, 3 Nov 2025 10:12:00 +0100", b"Message-ID: <a@b>", b"References: <a> <b", b"BEGIN:VEVENT\n",
    b"text/calendar", b"multipart/report", b"message/delivery-status", b"Final-Recipient: rfc822;",
    b"Action: failed\n", b"application/pkcs7-mime", b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    b"<table><td>", b"<blockquote type=cite>", b"&#x110000;", b"\xff\xfe", b"\xe2\x80\xae", b"\xc3",
    b"X-Failed-Recipients: ", b"format=flowed", b"Return-Path: <>\n",
])
NOISY_BYTES = st.binary(max_size=2_000) | st.lists(PIECES | st.binary(max_size=8), max_size=60).map(b"".join)
NOISE = settings(max_examples=250, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.too_slow])


@NOISE
@given(NOISY_BYTES)
def test_any_bytes_are_one_item(raw: bytes):
    item = read(raw)
    assert "unreadable" not in item.problems
    assert item == read(raw)
    for text in (item.subject, item.text, item.quoted, item.html, item.author.name, item.author.address,
                 item.external_id, *item.answers_to, *(one.name for one in item.attachments)):
        assert "\0" not in text
        text.encode()  # no lone surrogates: a database takes it
    assert item.at <= RECEIVED


LINES = st.lists(st.sampled_from([
    "", "> a", ">> b", " > c", "Nieuwe tekst", "Op 3 nov 2025 om 10:12 schreef A <a@b.example>:", "-- ", "Van: A",
    "Verzonden: 3 nov", "Aan: B", "Onderwerp: C", "-----Oorspronkelijk bericht-----", "_" * 32,
    "Begin doorgestuurd bericht:", "On Monday at 10:12 A wrote:", "Zie mijn antwoorden hieronder in rood.", "schreef:",
]), max_size=25)


@NOISE
@given(LINES)
def test_folding_loses_nothing(lines: list[str]):
    text, quoted = quotes.split("\n".join(lines))
    wanted = sorted(line.strip() for line in lines if line.strip())
    assert wanted == sorted(line.strip() for line in (text + "\n" + quoted).split("\n") if line.strip())


@NOISE
@given(st.binary(max_size=3_000))
def test_a_file_comes_out_as_it_went_in(content: bytes):
    head = HEAD + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    [one] = read(head + base64.encodebytes(content)).attachments
    assert content == one.content
