"""The secret file and what is encrypted with it."""

from __future__ import annotations

import base64
import stat
from dataclasses import replace

import pytest

from newsroom import secret
from newsroom.secret import CannotDecrypt, Keys, KeyWrong
from newsroom.settings import Settings

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
PLAIN = b"hunter2-correct-horse"


def test_what_is_encrypted_comes_back_and_is_nowhere_in_the_record():
    keys = Keys([ONE])
    record = keys.encrypt(PLAIN, "channel:7")
    assert PLAIN == keys.decrypt(record, "channel:7")
    assert PLAIN not in record and ONE not in record
    assert record != keys.encrypt(PLAIN, "channel:7")  # equal passwords do not look equal


@pytest.mark.parametrize("keys, belongs_to", [([ONE], "channel:8"), ([TWO], "channel:7")])
def test_another_record_or_another_key_does_not_open_it(keys, belongs_to):
    with pytest.raises(CannotDecrypt):
        Keys(keys).decrypt(Keys([ONE]).encrypt(PLAIN, "channel:7"), belongs_to)


def test_every_flipped_byte_and_every_cut_is_noticed():
    keys = Keys([ONE])
    record = keys.encrypt(PLAIN, "channel:7")
    for place in range(len(record)):
        damaged = record[:place] + bytes([record[place] ^ 1]) + record[place + 1:]
        for wrong in (damaged, record[:place]):
            with pytest.raises(CannotDecrypt):
                keys.decrypt(wrong, "channel:7")


def test_a_new_first_key_still_reads_what_the_old_one_wrote():
    record = Keys([ONE]).encrypt(PLAIN, "channel:7")
    both = Keys([TWO, ONE])
    assert PLAIN == both.decrypt(record, "channel:7")
    assert not both.current(record) and both.current(both.encrypt(PLAIN, "channel:7"))
    assert Keys([ONE]).id != both.id


def test_signing_keys_differ_by_purpose_and_installation_and_stay_the_same():
    keys = Keys([ONE])
    made = {keys.signing_key("reply"), keys.signing_key("form"), Keys([TWO]).signing_key("reply"), ONE}
    assert 4 == len(made) and {32} == set(map(len, made))
    assert Keys([ONE, TWO]).signing_key("reply") == keys.signing_key("reply")


def test_the_file_is_made_once_and_only_we_may_read_it(tmp_path):
    settings = Settings(data=tmp_path / "data")
    first = secret.load(settings)
    path = secret.path_of(settings)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 32 == len(base64.b64decode(path.read_text()))
    assert first.id == secret.load(settings).id
    assert [path] == list(path.parent.iterdir())


def test_the_file_of_a_process_that_was_first_stays(tmp_path):
    path = tmp_path / "secret.key"
    path.write_bytes(base64.b64encode(ONE))
    secret._make(path)
    assert Keys([ONE]).id == secret.read(path).id and [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"short", base64.b64encode(ONE[:16]), b"\xff" * 32, b"not base64!" * 4])
def test_a_wrong_file_says_what_to_do_and_is_never_replaced(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(KeyWrong) as raised:
        secret.load(replace(Settings(data=tmp_path), secret_key_file=path))
    assert str(path) in str(raised.value)
    assert content == path.read_bytes()


def test_a_named_file_that_is_missing_is_not_made(tmp_path):
    path = tmp_path / "key"
    with pytest.raises(KeyWrong):
        secret.load(Settings(data=tmp_path, secret_key_file=path))
    assert not path.exists()


def test_the_keys_never_show_in_a_log():
    assert ONE.hex() not in repr(Keys([ONE])) and "bytes" not in repr(Keys([ONE]))
