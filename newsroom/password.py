"""Passwords: argon2id, and what is refused because it is guessed first."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 128  # characters, as typed; no rule on their kinds (OWASP ASVS 5.0, 6.2)
MEMORY_KIB, PASSES = 19 * 1024, 2  # OWASP's least for argon2id
AT_ONCE = 4  # hashes computed together: 4 x 19 MiB, however many people sign in at nine

# The longer passwords that lists of leaks have in common, and runs of keys; compared without case, spaces and signs.
COMMON = frozenset("""
123456789012 1234567890123 12345678901234 123456789123 123123123123 111111111111 000000000000 121212121212
112233445566 987654321098 qwertyuiopasdf qwertyuiop123 qwertyuiop12 qwerty123456 qwertyqwerty 1q2w3e4r5t6y
1qaz2wsx3edc 1q2w3e4r5t6y7u qazwsxedcrfv asdfghjkl123 zxcvbnm12345 abcdefghijkl abcdefghijklm abcd12345678
password1234 passwordpassword password12345 password123456 passw0rd1234 wachtwoord12 wachtwoord123 wachtwoord1234
wachtwoordwachtwoord welkom123456 welkom12345 welkomwelkom welkom2024welkom administrator administrator1
administrator123 letmeinletmein letmein12345 iloveyou1234 iloveyouiloveyou changemechangeme changeme1234
geheim123456 geheimgeheim geheimwachtwoord ditismijnwachtwoord mijnwachtwoord mijnwachtwoord1 ditiseenwachtwoord
correcthorsebatterystaple trustno1trustno1 sunshine1234 princess1234 football1234 superman1234 feyenoord1908
voetbal12345 nederland123 nederland1234 amsterdam123 amsterdam1234 rotterdam123 ajaxamsterdam
lentezomerherfst zomer2024zomer winter2024winter gemeente1234 gemeente12345 gemeentehuis gemeentehuis1
""".split())
CONTEXT = ("newsroom", "webcare", "wachtwoord", "password", "gemeente", "welkom")  # fine inside a longer sentence

_slots: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}
_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1, type=Type.ID)


class TooWeak(Exception):
    """This password is refused. `key` is the catalogue key of the sentence that says why."""

    def __init__(self, key: str):
        super().__init__(key)
        self.key = key


def check(password: str, *context: str) -> None:
    """Raise `TooWeak`. `context` are words about this person: name, e-mail address, organisation."""
    if len(password) < SHORTEST:
        raise TooWeak("password.too_short")
    if len(password) > LONGEST:
        raise TooWeak("password.too_long")
    plain = _plain(password)
    if plain in COMMON or len(set(plain)) < 4 or plain in "01234567890123456789" * 2:
        raise TooWeak("password.common")
    left = plain
    for word in sorted({*CONTEXT, *_words(context)}, key=len, reverse=True):
        left = left.replace(word, "")
    if len(left) < SHORTEST // 2:  # little more than a name, our own name, or a year behind it
        raise TooWeak("password.context")


async def hash(password: str, *context: str) -> str:
    """The hash to store, computed in a thread. `context` as for `check`; raises `TooWeak`."""
    check(password, *context)
    async with _slot():
        return await asyncio.to_thread(_hasher.hash, password)


async def verify(stored: str, password: str) -> bool:
    """Whether the password is right. Without a stored hash the same work is done and the answer is no, so that time
    does not tell which addresses have an account."""
    if len(password) > LONGEST:
        password = ""  # never a set password; hashing megabytes would be somebody's lever
    async with _slot():
        right = await asyncio.to_thread(_matches, stored or _nobodys(), password)
    return right and bool(stored)


def stale(stored: str) -> bool:
    """Whether the hash was made with other costs than today's, so that it is to be made again."""
    return _hasher.check_needs_rehash(stored)


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")


def _slot() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    for old in [known for known in _slots if known.is_closed()]:
        del _slots[old]
    return _slots.setdefault(loop, asyncio.Semaphore(AT_ONCE))


def _plain(text: str) -> str:
    """Small letters and digits only, without accents."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    return re.sub(r"[^a-z0-9]", "", letters) or letters


def _words(context: tuple[str, ...]) -> set[str]:
    found = {_plain(word) for text in context for word in re.split(r"[\s@.,_-]+", text)}
    return {word for word in found if len(word) > 3}
