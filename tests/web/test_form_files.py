"""Files that residents add to a form: what they are, how many fit, and that they are gone after a day."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from aiohttp import FormData

from newsroom import form_file, sweep
from newsroom.web import limits
from newsroom.web.public import upload
from tests.web.person import GOOD, ORIGIN, PDF, PNG, deliveries
from tests.web.site import START


async def test_files_are_added_removed_and_sent(db, person):
    await person.open()
    await person.press("verder", **{"a-onderwerp": "Verhuizen"})
    page = await person.press("blijf", files=[("a-bijlage", "foto.png", PNG), ("a-bijlage", "brief.exe", PDF)], **GOOD)
    assert "foto.png" in page.words and "brief.exe" in page.words and "Fatima" in page.text
    drop = re.search(r'value="(weg-\d+)">[^<]*<span class="sr"> foto.png', page.text)[1]
    page = await person.press(drop, **GOOD)
    assert "foto.png" not in page.words and "brief.exe" in page.words
    page = await person.press("verder", files=[("a-bijlage", "huis.png", PNG)], **GOOD)
    assert "Controleer uw antwoorden" in page.title and "brief.exe, huis.png" in page.words
    await person.press("verstuur")
    body = json.loads((await deliveries(db))[0]["body"])
    assert [("brief.exe", "application/pdf"), ("huis.png", "image/png")] == [
        (one["name"], one["type"]) for one in body["files"]]  # the type is what is in it


@pytest.mark.parametrize("content, words", [
    (b"", "is leeg"), (b"MZ\x90\0" + bytes(99), "kunnen wij niet aannemen"),
    (b"<html><script>", "kunnen wij niet aannemen"), (b"<?xml version='1.0'?><svg/>", "kunnen wij niet aannemen"),
    (b"PK\x03\x04" + bytes(60), "kunnen wij niet aannemen"), (PDF + bytes(limits.FORM_FILE_BYTES), "is te groot")],
    ids=range(6))
async def test_a_file_that_we_do_not_take_is_named(person, content, words):
    await person.open()
    await person.press("verder", **{"a-onderwerp": "Verhuizen"})
    page = await person.press("verder", files=[("a-bijlage", "x.png", content)], **GOOD)
    assert 422 == page.status and "x.png" in page.words and words in page.words
    assert '<a href="#a-bijlage">' in page.text and "fatima@voorbeeld.example" in page.text


async def test_files_have_a_number_and_a_size_together(person):
    await person.open()
    await person.press("verder", **{"a-onderwerp": "Verhuizen"})
    big = PDF + bytes(9_000_000)
    page = await person.press("blijf", files=[("a-bijlage", f"{n}.pdf", big) for n in range(3)], **GOOD)
    assert 422 == page.status and "2.pdf" in page.words and "20 MB" in page.words
    page = await person.press("blijf", files=[("a-bijlage", f"k{n}.png", PNG) for n in range(4)], **GOOD)
    assert "U kunt 5 bestanden meesturen." in page.words
    assert 5 == page.text.count('value="weg-')


async def test_a_body_that_is_far_too_large_gets_a_page(client):
    body = FormData()
    body.add_field("a-bijlage", io.BytesIO(bytes(limits.FORM_BODY_BYTES + 1)), filename="film.pdf")
    response = await client.post("/formulier/vraag", data=body, headers=ORIGIN)
    assert 413 == response.status and "Dit is te groot" in await response.text()


@pytest.mark.parametrize("raw", [b"", bytes(600_000), b"--x\r\n\r\n",
                                 b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"])
async def test_what_is_not_a_form_is_refused(client, raw):
    response = await client.post("/formulier/vraag", data=raw, headers={
        **ORIGIN, "Content-Type": "multipart/form-data; boundary=x"})
    assert response.status in (200, 400)


async def test_files_are_gone_after_a_day_and_that_is_said(db, person, clock):
    await person.open()
    await person.press("verder", **{"a-onderwerp": "Verhuizen"})
    await person.press("verder", files=[("a-bijlage", "foto.png", PNG)], **GOOD)
    async with db.transaction() as connection:
        assert 0 == await form_file.clean(connection, clock.at)
        assert 1 == await form_file.clean(connection, clock.at + form_file.KEEP * 2)
    page = await person.press("verstuur")
    assert 409 == page.status and "na 24 uur gewist" in page.words and [] == await deliveries(db)
    assert (await person.press("verstuur")).number


async def test_the_sweep_forgets_what_has_had_its_day(db):
    async with db.transaction() as connection:
        old, new = [await form_file.stage(connection, "key", "bijlage", "a.pdf", "application/pdf", PDF, at)
                    for at in (START, START + form_file.KEEP)]
    await sweep.sweep(db, START + form_file.KEEP * 1.5)
    async with db.connection() as connection:
        assert {new.id: PDF} == await form_file.contents(connection, "key", [old.id, new.id])


async def test_files_of_another_form_cannot_be_taken_along(db, person, client, clock):
    async with db.transaction() as connection:
        other = await form_file.stage(connection, "another key", "bijlage", "geheim.pdf", "application/pdf", PDF, START)
        assert {} == await form_file.contents(connection, "mine", [other.id])
        assert {other.id: PDF} == await form_file.contents(connection, "another key", [other.id])


OPEN_TEXT = "application/vnd.oasis.opendocument.text"


def zipped(*names: str, first: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        if first:
            archive.writestr("mimetype", first)
        for name in names:
            archive.writestr(name, "x")
    return made.getvalue()


@pytest.mark.parametrize("content, kind", [
    (PDF, "application/pdf"), (PNG, "image/png"), (b"\xff\xd8\xff\xe0" + bytes(9), "image/jpeg"),
    (b"GIF89a", "image/gif"), (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"), (b"\0\0\0\x18ftypheic", "image/heic"),
    (b"\0\0\0\x18ftypisom", ""), ("Héé\r\n".encode(), "text/plain"), (b"\xef\xbb\xbfHallo", "text/plain"),
    ("Héé".encode("utf-16"), ""), (b"  <svg onload=1>", ""), (b"#!/bin/sh", ""), (b"\x7fELF", ""), (b"MZ\x90\0", ""),
    (zipped("word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (zipped("word/document.xml", "word/vbaProject.bin"), ""), (zipped("a.exe"), ""), (b"PK\x03\x04broken", ""),
    (zipped("content.xml", first=OPEN_TEXT.encode()), OPEN_TEXT),
], ids=range(19))
def test_a_file_is_what_is_in_it(content, kind):
    assert kind == upload.kind_of(content)


@pytest.mark.parametrize("name, expected", [
    ("foto.png", "foto.png"), ("../../etc/passwd", "passwd"), ("C:\\temp\\a.pdf", "a.pdf"), ("..", "bestand"),
    ("a\u202egnp.exe", "agnp.exe"), ("x\0y\n.txt", "xy.txt"), ("", "bestand"),
    ("a" * 300 + ".pdf", "a" * 116 + ".pdf")])
def test_names_are_made_safe(name, expected):
    assert expected == upload.safe_name(name)
