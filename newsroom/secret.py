"""The installation's secret: one file of keys that encrypts channel credentials and from which signing keys follow.

Each record is encrypted (AES-256-GCM) under a data key of its own, which is encrypted under the installation's key:
a backup of the database without the file says nothing, and a new key only has to rewrap the data keys. The
record is bound to what it belongs to, so that one channel's credentials cannot be pasted into another's row.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from newsroom.settings import Settings

FILE = "secret.key"  # in the data folder, when no file is named
KEY_BYTES, NONCE_BYTES, TAG_BYTES, ID_BYTES = 32, 12, 16, 4
VERSION = b"\x01"
WRAPPED = slice(1 + ID_BYTES, 1 + ID_BYTES + NONCE_BYTES + KEY_BYTES + TAG_BYTES)


class KeyWrong(Exception):
    """The file of keys cannot be used. The message says what to do."""


class CannotDecrypt(Exception):
    """Encrypted under a key that we do not have, bound to something else, or damaged."""


class Keys:
    """The keys of the file: the first encrypts and signs, the others still decrypt."""

    def __init__(self, keys: Sequence[bytes]):
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise KeyWrong(f"a key is {KEY_BYTES} bytes")
        self._master = keys[0]
        self._wrapping = {_derive(key, "key id")[:ID_BYTES]: _derive(key, "credentials") for key in keys}
        self._first = next(iter(self._wrapping))

    def __repr__(self) -> str:
        return f"Keys({self.id})"

    @property
    def id(self) -> str:
        """The name of the first key, which says nothing about the key itself."""
        return self._first.hex()

    def signing_key(self, purpose: str) -> bytes:
        """32 bytes for signing one kind of thing: no signature for one purpose is good for another."""
        return _derive(self._master, f"sign {purpose}")

    def encrypt(self, plain: bytes, belongs_to: str) -> bytes:
        """`plain`, readable only with this key and the same `belongs_to`."""
        head = VERSION + self._first
        bound = head + belongs_to.encode()
        data_key = AESGCM.generate_key(8 * KEY_BYTES)
        return head + _seal(self._wrapping[self._first], data_key, bound) + _seal(data_key, plain, bound)

    def decrypt(self, record: bytes, belongs_to: str) -> bytes:
        """What `encrypt` was given. Raises `CannotDecrypt`."""
        head = record[:1 + ID_BYTES]
        wrapping = self._wrapping.get(head[1:])
        if head[:1] != VERSION or wrapping is None:
            raise CannotDecrypt("encrypted with another key")
        bound = head + belongs_to.encode()
        try:
            return _open(_open(wrapping, record[WRAPPED], bound), record[WRAPPED.stop:], bound)
        except (InvalidTag, ValueError) as error:
            raise CannotDecrypt("damaged, or of another record") from error

    def current(self, record: bytes) -> bool:
        """Whether a record is encrypted under the first key; others are encrypted anew when they are saved."""
        return record[1:1 + ID_BYTES] == self._first


def load(settings: Settings) -> Keys:
    """The keys of this installation; without a named file they are made at the first start. Raises `KeyWrong`."""
    path = path_of(settings)
    if settings.secret_key_file is None and not path.exists():
        _make(path)
    return read(path)


def path_of(settings: Settings) -> Path:
    """Where the file of keys is, or will be."""
    return settings.secret_key_file or settings.data / FILE


def is_private(settings: Settings) -> bool:
    """Whether nobody else reads the file that we made, or can change the one that was named. A file that was named
    may be readable: the place where containers find their secrets is closed in another way."""
    mode = path_of(settings).stat().st_mode
    return not mode & (0o022 if settings.secret_key_file else 0o077)


def read(path: Path) -> Keys:
    """The keys of a file: 32 bytes in base64 a line, the one in use first. Raises `KeyWrong`."""
    try:
        lines = path.read_text(encoding="ascii").split()
        return Keys([base64.b64decode(line, validate=True) for line in lines])
    except (OSError, UnicodeDecodeError) as error:
        raise KeyWrong(f"{path} cannot be read: {error}") from error
    except (binascii.Error, KeyWrong) as error:
        raise KeyWrong(f"{path}: write 32 bytes in base64 on each line, as openssl rand -base64 32 does") from error


def _make(path: Path) -> None:
    """A new key, whole or not at all; the file of another process that was first stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"newsroom {purpose}".encode()).derive(key)


def _seal(key: bytes, plain: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def _open(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
