"""System programs that some tests need; pip does not bring them."""

from __future__ import annotations

import os
import shutil

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/sbin"])
PROGRAMS = {"browser": ("chromium", "chromium-browser", "google-chrome"), "dovecot": ("dovecot",)}
INSTALL = {"browser": "Chromium (package chromium)",
           "dovecot": "Dovecot (packages dovecot-imapd, dovecot-lmtpd)"}


def program(mark: str) -> str | None:
    """The path of the program behind a test mark (`browser`, `dovecot`), or None when it is not installed."""
    return next(filter(None, (shutil.which(name, path=PATH) for name in PROGRAMS[mark])), None)
