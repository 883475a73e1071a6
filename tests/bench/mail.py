"""The mail of a busy mailbox, made alike at every run: 40 % new and 60 % replies, of 300 people; 60 % plain text of
1.5 KB, 20 % text with HTML, 20 % with a file of 50 KB."""

from __future__ import annotations

import base64
import random
from email.utils import format_datetime

from connectors import Delivery, DeliveryKey
from tests.house import START, US

PEOPLE = 300
PLAIN_BYTES = 1500
FILE_BYTES = 37_500  # 50 KB as base64
WORDS = ("de het een container afval straat gemeente vergunning aanvraag bezwaar parkeren boom lantaarn kapot melding "
         "graag wanneer antwoord bericht huis nummer afspraak paspoort rijbewijs verhuizen adres stoep fiets buurt "
         "overlast geluid speeltuin water riool ophalen grof datum vraag brief formulier bijlage dank groet").split()


def mails(n: int, seed: int = 1) -> list[bytes]:
    """`n` raw mails in the order in which they were written."""
    dice = random.Random(seed)
    threads: list[tuple[int, list[str], str]] = []
    made = []
    for number in range(n):
        if threads and dice.random() < 0.6:
            person, chain, subject = dice.choice(threads[-200:])
            subject = f"Re: {subject}"
        else:
            person, chain, subject = dice.randrange(PEOPLE), [], " ".join(dice.choices(WORDS, k=5)).capitalize()
            threads.append((person, chain, subject))
        id = f"<{number}.{seed}@post{person % 7}.example>"
        made.append(_mail(id, person, chain, subject, dice))
        chain.append(id)
    return made


def deliveries(raw: list[bytes], seed: int = 1) -> list[Delivery]:
    """The mails as the mailbox's reader hands them over."""
    return [Delivery(DeliveryKey(f"INBOX/{seed}/{number}"), body, START, "message/rfc822")
            for number, body in enumerate(raw)]


def text(dice: random.Random, size: int) -> str:
    """Dutch-like text of about `size` characters, in lines."""
    words = dice.choices(WORDS, k=size // 7)
    return "\r\n".join(" ".join(words[n:n + 10]) for n in range(0, len(words), 10))


def _mail(id: str, person: int, chain: list[str], subject: str, dice: random.Random) -> bytes:
    head = [f"From: Inwoner {person} <inwoner{person}@post{person % 7}.example>", f"To: Gemeente <{US}>",
            f"Date: {format_datetime(START)}", f"Message-ID: {id}", f"Subject: {subject}", "MIME-Version: 1.0",
            f"Received: from post{person % 7}.example by mx.voorbeeldstad.example; {format_datetime(START)}"]
    if chain:
        head += [f"In-Reply-To: {chain[-1]}", "References: " + "\r\n ".join(chain[-20:])]
    return "\r\n".join([*head, *_body(text(dice, PLAIN_BYTES), dice)]).encode()


def _body(words: str, dice: random.Random) -> list[str]:
    plain = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", words]
    match dice.choices(("plain", "html", "file"), (60, 20, 20))[0]:
        case "plain":
            return plain
        case "html":
            paragraphs = "".join(f"<p style='margin:0'>{line}</p>" for line in words.split("\r\n"))
            page = ["Content-Type: text/html; charset=utf-8", "", f"<html><body><div>{paragraphs}</div></body></html>"]
            return _multipart("alternative", plain, page)
        case _:
            content = base64.encodebytes(dice.randbytes(FILE_BYTES)).decode().replace("\n", "\r\n")
            file = ["Content-Type: application/pdf; name=brief.pdf",
                    "Content-Disposition: attachment; filename=brief.pdf", "Content-Transfer-Encoding: base64", "",
                    content]
            return _multipart("mixed", plain, file)


def _multipart(kind: str, *parts: list[str]) -> list[str]:
    lines = [f"Content-Type: multipart/{kind}; boundary=grens", ""]
    for part in parts:
        lines += ["--grens", *part]
    return [*lines, "--grens--", ""]
