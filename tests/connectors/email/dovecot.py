"""A real Dovecot on loopback, with everything in one folder: for root and for an ordinary user.

Any address is a mailbox, the password is always `PASSWORD`, and a token is judged by the token server.
"""

from __future__ import annotations

import imaplib
import os
import pwd
import re
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests import parts
from tests.connectors.email.certificate import Certificate
from tests.connectors.email.ports import free_port

PASSWORD = "fiets-brug-7"
START_SECONDS = 20.0
_STORED_AT = re.compile(r"(\d+)\.M(\d+)P")  # seconds and microseconds in the name of a Maildir file

CONFIGURATION = """
protocols = imap lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = yes
ssl_cert = <{certificate.chain}
ssl_key = <{certificate.key}
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
first_valid_uid = 1
first_valid_gid = 1
recipient_delimiter = +
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = allow_all_users=yes uid={uid} gid={gid} home={folder}/home/%u
}}
namespace inbox {{
  inbox = yes
  mailbox Verzonden {{
    special_use = \\Sent
    auto = create
  }}
}}
service imap-login {{
  {chroot}
  process_min_avail = 1
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  {chroot}
}}
"""
ORDINARY = """
default_internal_user = {name}
default_internal_group = {group}
default_login_user = {name}
"""
OAUTH2 = """
introspection_mode = post
introspection_url = {introspection}
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
"""


class Dovecot:
    """`start` and `stop` it; `deliver` brings a mail in by LMTP; `box` gives an ordinary client of a mailbox."""

    def __init__(self, certificate: Certificate, introspection: str):
        self.imap, self.imaps, self.lmtp = free_port(), free_port(), free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self._certificate = certificate
        self._introspection = introspection
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Raises `RuntimeError` with Dovecot's own log when it does not come up."""
        self._write()
        self._process = subprocess.Popen(
            [str(parts.program("dovecot")), "-F", "-c", str(self._folder / "dovecot.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(self._folder / "errors").open("wb"))
        wait_until(lambda: self._answers() or self._process.poll() is not None, START_SECONDS)
        if not self._answers():
            raise RuntimeError("Dovecot does not start:\n" + self.log())

    def halt(self) -> None:
        """Stop it; what it holds stays, for another `start`."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        files = (self._folder / "errors", self._folder / "log")
        return "\n".join(file.read_text(errors="replace")[-4000:] for file in files if file.exists())

    def deliver(self, recipient: str, *mails: bytes, sender: str = "inwoner@thuis.example") -> None:
        """By LMTP, as a mail server would."""
        with closing(smtplib.LMTP("127.0.0.1", self.lmtp, timeout=10)) as client:
            for mail in mails:
                refused = client.sendmail(sender, [recipient], mail)
                assert {} == refused

    def box(self, address: str) -> imaplib.IMAP4:
        """A signed-in client; close it with `logout`."""
        client = imaplib.IMAP4("127.0.0.1", self.imap, timeout=10)
        client.login(address, PASSWORD)
        return client

    def files(self, address: str, folder: str = "") -> list[Path]:
        """The files of the mails in a folder, oldest first."""
        maildir = self._folder / "home" / address / "Maildir" / (f".{folder}" if folder else "")
        found = [path for part in ("new", "cur") for path in (maildir / part).iterdir()]
        return sorted(found, key=lambda path: [int(part) for part in _STORED_AT.match(path.name).groups()])

    def _write(self) -> None:
        root = os.geteuid() == 0
        user = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.geteuid())
        group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        self._folder.chmod(0o755)
        text = CONFIGURATION.format(
            folder=self._folder, certificate=self._certificate, password=PASSWORD, uid=user.pw_uid, gid=user.pw_gid,
            imap=self.imap, imaps=self.imaps, lmtp=self.lmtp, chroot="" if root else "chroot =")
        if root:
            os.chown(home, user.pw_uid, user.pw_gid)
        else:
            text += ORDINARY.format(name=user.pw_name, group=group)
        (self._folder / "dovecot.conf").write_text(text)
        (self._folder / "oauth2.conf").write_text(OAUTH2.format(introspection=self._introspection))

    def _answers(self) -> bool:
        try:
            imaplib.IMAP4("127.0.0.1", self.imap, timeout=2).logout()
            smtplib.LMTP("127.0.0.1", self.lmtp, timeout=2).quit()
        except (OSError, imaplib.IMAP4.error, smtplib.SMTPException):
            return False
        return True


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Look again and again until it is true; afterwards the caller finds out what is wrong."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
