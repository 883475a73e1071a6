"""What a mail's markup may lead to, and under which name a file of a stranger is kept."""

from __future__ import annotations

import pytest

from newsroom.web.mail_body import _download, clean

LEADS = ("https://plein.example/a?b=1", "http://plein.example", "HTTPS://PLEIN.example", " https://plein.example",
         "mailto:anna@post.example", "tel:+31101234567")
LEADS_NOWHERE = ("javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "cid:1", "vbscript:x",
                 "ftp://a.example", "file:///etc/passwd", "blob:x", "/uitloggen", "//kwaad.example",
                 "\\\\kwaad.example", "?x", "https:x", "")


@pytest.mark.parametrize("address", LEADS)
def test_a_link_leads_to_a_website_a_mailbox_or_a_telephone(address):
    assert "href=" in clean(f'<a href="{address}">hier</a>', "/deel/", False)


@pytest.mark.parametrize("address", LEADS_NOWHERE)
@pytest.mark.parametrize("tag", ["a", "area"])
def test_any_other_link_leads_nowhere(tag, address):
    assert "href" not in clean(f'<{tag} href="{address}">hier</{tag}>', "/deel/", True)


@pytest.mark.parametrize(("name", "shown"), [
    ("foto\u202egpj.exe", "fotogpj.exe"), ("half\ud800.txt", "half%3F.txt"), ("\u2066a\u2069\x00b\r\n.txt", "ab.txt"),
    ("../../etc/passwd", "_.._etc_passwd"), ("\u200b", "bijlage"), ("", "bijlage")])
def test_a_file_is_kept_under_a_name_that_is_what_it_seems(name, shown):
    assert f"filename*=UTF-8''{shown}" == _download(name)["Content-Disposition"].rpartition("; ")[2]
