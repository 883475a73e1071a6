"""The built wheel carries everything and serves from a place of its own, without the checkout."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0  # on a busy machine; usually two


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout + done.stderr
    return next(folder.glob("newsroom-*.whl"))


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """The bin folder of a new environment with the wheel in it; what it depends on is seen in ours."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "pip", "--python", folder, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True)
    return folder / "bin"


def test_wheel_holds_every_file_that_is_served_or_applied(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "static", "templates", "newsroom",
              "connectors"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert names
    moved = {re.sub(r"^(static|templates)/", r"newsroom/\1/", name) for name in names if (ROOT / name).is_file()}
    assert set() == moved - held
    assert [] == [name for name in held if name.startswith("tests/")]


def test_wheel_serves_its_own_pages_and_stops_cleanly(programs, data, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": "/usr/bin:/bin", "NEWSROOM_DATA": str(data), "NEWSROOM_PORT": str(port),
                   "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    output = tmp_path / "output"
    with output.open("w") as said:
        process = subprocess.Popen([programs / "newsroom", "demo"], env=environment, cwd=tmp_path, stdout=said,
                                   stderr=said)
    try:
        wait_for(process, output, f"http://127.0.0.1:{port}")
        page = fetch(f"http://127.0.0.1:{port}/")
        assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
        assert assets, page[:500]
        for asset in assets:
            assert fetch(f"http://127.0.0.1:{port}{asset}")
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(20), output.read_text()
        assert "Traceback" not in output.read_text()
    finally:
        process.kill()
        process.wait()


def test_wheel_finds_its_assets_inside_itself(programs, tmp_path):
    code = "from newsroom.settings import asset_folder as f; print(f('static')); print(f('templates'))"
    done = subprocess.run([programs / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        assert Path(line).is_dir() and Path(line).is_relative_to(programs.parent.resolve()), line


def wait_for(process: subprocess.Popen, output: Path, text: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while text not in output.read_text():
        assert process.poll() is None and time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)


def fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as answer:
        assert 200 == answer.status
        return answer.read().decode("utf-8", errors="replace")
