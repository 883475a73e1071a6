"""An `Outgoing` reply as the bytes of a mail (RFC 5322). Raises `Refused` for what cannot be a mail."""

from __future__ import annotations

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime

from connectors import Attachment, Author, Outgoing, Refused
from connectors.email.settings import Settings

ANSWER_CHARACTERS = 100_000
FILES_BYTES = 20_000_000  # of the files together; many servers take no mail over 25 MB, and base64 adds a third
# 7bit: base64 or quoted-printable wherever needed, so that every server on the way takes it
_POLICY = SMTP.clone(cte_type="7bit")
_ID = re.compile(r"[!-;=?-~]{1,900}@?[!-;=?-~]{0,80}")  # visible ASCII without < and >
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")
_WHOLE_REFERENCES = 50  # a longer chain keeps its first and its last ones, as RFC 5322 leaves to us


def compose(outgoing: Outgoing, settings: Settings, at: datetime, reply_address: bool) -> bytes:
    """The mail with CRLF line ends. Bcc is not in it. `reply_address`: whether Reply-To may carry our token."""
    try:
        wide = not "".join([settings.address, *recipients(outgoing)]).isascii()
        message = _body(outgoing, _POLICY.clone(utf8=True) if wide else _POLICY)
        message["From"] = _address(Author("email", settings.address, settings.display_name))
        for field, people in (("To", outgoing.to), ("Cc", outgoing.cc)):
            if people:
                message[field] = [_address(person) for person in people]
        if reply_address and outgoing.reply_token:
            message["Reply-To"] = _address(Author("email", tagged(settings.address, outgoing.reply_token)))
        message["Subject"] = outgoing.subject
        message["Date"] = format_datetime(at)
        return _ids(outgoing) + message.as_bytes()
    except (ValueError, IndexError, UnicodeError) as problem:
        raise Refused(f"Van dit antwoord is geen e-mail te maken: {problem}") from problem


def recipients(outgoing: Outgoing) -> list[str]:
    """Every address once, in order."""
    people = [*outgoing.to, *outgoing.cc, *outgoing.bcc]
    return list(dict.fromkeys(ascii_domain(person.address) for person in people if person.address))


def tagged(address: str, token: str) -> str:
    """`info@x.example` with a token: `info+nr.TOKEN@x.example`."""
    local, _, domain = ascii_domain(address).rpartition("@")
    return f"{local}+nr.{token}@{domain}"


def ascii_domain(address: str) -> str:
    """The address with its domain as DNS knows it."""
    local, at, domain = address.rpartition("@")
    try:
        return address if domain.isascii() else f"{local}{at}{domain.encode('idna').decode()}"
    except UnicodeError:
        return address  # the server says what is wrong with it


def _body(outgoing: Outgoing, policy: EmailPolicy) -> EmailMessage:
    message = EmailMessage(policy)
    message.set_content(outgoing.text, charset="utf-8")
    inline = [file for file in outgoing.attachments if file.inline and file.content_id and outgoing.html]
    if outgoing.html:
        message.add_alternative(outgoing.html, subtype="html", charset="utf-8")
        page = message.get_payload()[1]
        for file in inline:
            main, sub = _type(file)
            page.add_related(file.content, main, sub, cid=f"<{file.content_id}>", filename=_name(file),
                             disposition="inline")
    for file in outgoing.attachments:
        if file not in inline:
            main, sub = _type(file)
            message.add_attachment(file.content, main, sub, filename=_name(file))
    return message


def _ids(outgoing: Outgoing) -> bytes:
    """Written by hand: the standard library encodes a long id as if it were text, and then no thread matches."""
    own = _angled(outgoing.external_id)
    if not own:
        raise ValueError("het bericht heeft geen geldige Message-ID")
    lines = [f"Message-ID: {own}"]
    answered = _angled(outgoing.answers_to or "")
    if answered:
        lines.append(f"In-Reply-To: {answered}")
    chain = [*filter(None, map(_angled, outgoing.references)), *filter(None, [answered])]
    chain = list(dict.fromkeys(reversed(chain)))[::-1]  # each once, where it is nearest
    if len(chain) > _WHOLE_REFERENCES:
        chain = [chain[0], *chain[1 - _WHOLE_REFERENCES:]]
    if chain:
        lines.append("References: " + "\r\n ".join(chain))
    return "".join(line + "\r\n" for line in lines).encode("ascii")


def _angled(message_id: str) -> str:
    """The id between < and >, or nothing when it is not one: some mails carry any text there."""
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    return f"<{bare}>" if _ID.fullmatch(bare) else ""


def _address(person: Author) -> Address:
    name = " ".join(person.name.split()) if person.name != person.address else ""
    address = ascii_domain(person.address)
    if address.isascii():
        return Address(name, addr_spec=address)
    local, _, domain = address.rpartition("@")  # RFC 6531: the library only parses ASCII
    if not local or any(not letter.isprintable() or letter in ' <>()[],;:"@\\' for letter in local):
        raise ValueError(f"geen geldig adres: {address}")
    return Address(name, local, domain)


def _type(file: Attachment) -> tuple[str, str]:
    main, _, sub = file.type.partition("/") if _TYPE.fullmatch(file.type) else ("application", "", "octet-stream")
    return (main, sub) if main not in ("message", "multipart") else ("application", "octet-stream")


def _name(file: Attachment) -> str:
    return "".join(letter for letter in file.name if letter.isprintable()) or "bijlage"
