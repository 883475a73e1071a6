"""A running server with Mastodon's API: mastodon-mock, in an environment of its own beside ours, for its FastAPI is
not what people run. Built once from a lock file with hashes; the tests that need it are skipped loudly without it.
"""

from __future__ import annotations

import fcntl
import functools
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".mastodon-server"
LOCK = Path(__file__).with_suffix(".lock")
BUILD_SECONDS = 300.0


@functools.cache
def program() -> str | None:
    """The program, built when it is not there yet; None when that does not succeed."""
    binary = PLACE / "bin/mastodon_mock"
    PLACE.mkdir(exist_ok=True)
    with (PLACE / "building").open("w") as building:
        fcntl.flock(building, fcntl.LOCK_EX)  # several workers want it at once
        mark, wanted = PLACE / "server.lock", LOCK.read_bytes()
        if binary.exists() and mark.exists() and mark.read_bytes() == wanted:
            return str(binary)
        try:
            _build()
        except (subprocess.SubprocessError, OSError) as error:
            print(f"mastodon-mock could not be installed: {error}", file=sys.stderr)
            return None
        mark.write_bytes(wanted)
    return str(binary)


def _build() -> None:
    python, more = str(PLACE / "bin/python"), ["--quiet", "--no-deps", "--require-hashes", "-r", str(LOCK)]
    _run([sys.executable, "-m", "venv", str(PLACE)])
    if uv := shutil.which("uv"):
        _run([uv, "pip", "install", "--python", python, *more])
    else:
        _run([python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *more])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=BUILD_SECONDS, capture_output=True)
