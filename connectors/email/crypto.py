"""What S/MIME and PGP leave readable without keys. Nothing is verified or decrypted here."""

from __future__ import annotations

from typing import NamedTuple

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # OID 1.2.840.113549.1.7.2 (RFC 5652 5)
_DATA = bytes.fromhex("06092a864886f70d010701")
_SEQUENCE, _SET, _CONTEXT_0, _OCTETS, _OCTETS_IN_PIECES = 0x30, 0x31, 0xA0, 0x04, 0x24
_PIECES = 50_000  # of a content written in pieces, 1 kB each in practice

SMIME_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
PGP_MESSAGE = "-----BEGIN PGP MESSAGE-----"


class _Element(NamedTuple):
    tag: int
    start: int  # of the content
    end: int  # of the content; for one without length, where its container ends
    next: int | None  # None: known only by reading to its end mark


def signed_content(data: bytes) -> bytes | None:
    """The mail inside an opaque signed S/MIME body (RFC 8551 3.5.2), or None when there is none to read."""
    try:
        return _signed_content(data)
    except (IndexError, ValueError):
        return None


def _signed_content(data: bytes) -> bytes | None:
    outer = _element(data, 0, len(data))
    if outer.tag != _SEQUENCE or not data.startswith(_SIGNED_DATA, outer.start):
        return None
    wrapped = _element(data, outer.start + len(_SIGNED_DATA), outer.end)
    signed = _element(data, wrapped.start, wrapped.end)
    version = _element(data, signed.start, signed.end)
    digests = _element(data, _known(version.next), signed.end)
    if digests.tag != _SET:
        return None
    content = _element(data, _known(digests.next), signed.end)
    if not data.startswith(_DATA, content.start):
        return None
    explicit = _element(data, content.start + len(_DATA), content.end)
    return _octets(data, explicit) if explicit.tag == _CONTEXT_0 else None


def _octets(data: bytes, explicit: _Element) -> bytes | None:
    whole = _element(data, explicit.start, explicit.end)
    if whole.tag == _OCTETS:
        return data[whole.start:whole.end]
    if whole.tag != _OCTETS_IN_PIECES:
        return None
    pieces, position = [], whole.start
    while position < whole.end and len(pieces) < _PIECES:
        piece = _element(data, position, whole.end)
        if piece.tag != _OCTETS:
            break
        pieces.append(data[piece.start:piece.end])
        position = _known(piece.next)
    return b"".join(pieces)


def _element(data: bytes, at: int, limit: int) -> _Element:
    """The BER element at `at`, inside a container that ends at `limit`."""
    tag, first = data[at], data[at + 1]
    if first < 0x80:
        start, length = at + 2, first
    elif first == 0x80:
        return _Element(tag, at + 2, limit, None)
    else:
        size = first & 0x7F
        if size > 4:
            raise ValueError("length of more than four bytes")
        start, length = at + 2 + size, int.from_bytes(data[at + 2:at + 2 + size], "big")
    if start + length > limit:
        raise ValueError("longer than what holds it")
    return _Element(tag, start, start + length, start + length)


def _known(position: int | None) -> int:
    if position is None:
        raise ValueError("no length where one is needed")
    return position
