"""Programs that some tests need and that are not in our own environment."""

from __future__ import annotations

import os
import shutil

from tests import mastodon_server

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/sbin"])
PROGRAMS = {"browser": ("chromium", "chromium-browser", "google-chrome"), "dovecot": ("dovecot",)}
INSTALL = {"browser": "Chromium (package chromium)",
           "dovecot": "Dovecot (packages dovecot-imapd, dovecot-lmtpd)",
           "mastodon": "mastodon-mock (tests/mastodon_server.lock, by pip)"}


def program(mark: str) -> str | None:
    """The path of the program behind a test mark (`browser`, `dovecot`, `mastodon`), or None when it is not there."""
    if mark == "mastodon":
        return mastodon_server.program()
    return next(filter(None, (shutil.which(name, path=PATH) for name in PROGRAMS[mark])), None)
