"""`mail show`: one JSON-ready dict a file, whatever the file is."""

from __future__ import annotations

import json
from pathlib import Path

from connectors.email.show import show

HERE = Path(__file__).parent
KEYS = ["file", "message_id", "from", "to", "cc", "subject", "date", "text", "quoted", "html", "attachments",
        "auto_reply", "bounce", "problems"]


def test_every_mail_can_be_shown():
    for path in HERE.glob("*/*.eml"):
        shown = show(path)
        assert KEYS == list(shown)
        assert shown == json.loads(json.dumps(shown))


def test_an_ordinary_mail():
    path = HERE / "nesting" / "related-inline-image.eml"
    shown = show(path)
    [image] = shown["attachments"]
    assert {"file": str(path), "message_id": "related-inline-image@voorbeeld.example", "cc": [], "problems": [],
            "from": {"name": "Jan Jansen", "address": "jan.jansen@voorbeeld.example"}, "bounce": False, "quoted": "",
            "to": [{"name": "Gemeente Noorderdam", "address": "info@noorderdam.example"}], "auto_reply": False,
            "subject": "Vraag aan de gemeente", "date": "2025-11-03T10:12:00+01:00",
            "text": "Dit gat:"} == {key: value for key, value in shown.items() if key not in ("html", "attachments")}
    assert ("gat.png", "image/png", True) == (image["name"], image["type"], image["inline"])


def test_a_bounce_names_its_recipients_and_our_mail():
    shown = show(HERE / "bounce" / "two-recipients.eml")
    assert {"recipients": ["kim@voorbeeld.example", "rob@voorbeeld.example"],
            "of": "r100@noorderdam.example"} == shown["bounce"]
    assert False is show(HERE / "bounce" / "delayed.eml")["bounce"]


def test_a_date_is_as_the_mail_says():
    assert "2031-01-03T10:00:00+01:00" == show(HERE / "header" / "date-in-future.eml")["date"]
    assert show(HERE / "header" / "date-nonsense.eml")["date"] is None


def test_no_message_id_is_null():
    assert show(HERE / "header" / "no-message-id.eml")["message_id"] is None


def test_a_file_that_cannot_be_opened(tmp_path: Path):
    for path in (tmp_path / "ontbreekt.eml", tmp_path):
        shown = show(path)
        assert (KEYS, ["cannot-open"], str(path)) == (list(shown), shown["problems"], shown["file"])


def test_any_file_is_shown(tmp_path: Path):
    path = tmp_path / "ruis.eml"
    path.write_bytes(bytes(range(256)) * 50)
    assert ["no-headers"] == [code for code in show(path)["problems"] if code == "no-headers"]
