"""The rules of the house that a machine can check: who imports whom, where SQL and HTML stand, sizes, names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES, USUAL_FUNCTION_LINES = 350, 60, 26
LONGER = "Longer than 350 lines because"
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "managers", "manager", "services", "misc"}

SQL = re.compile(r"^\s*(select\s.*\bfrom\b|select\s+\$?\w+\(|insert\s+into\s|update\s+\w+\s+set\b|delete\s+from\s"
                 r"|with\s+\w+\s+as\s*\(|create\s+(table|index|database|role|function)\b|truncate\s|drop\s+\w+\s)",
                 re.IGNORECASE | re.DOTALL)
MARKUP = re.compile(r"</?(a|b|body|button|div|form|h[1-6]|head|html|img|input|li|p|script|span|style|table|td|tr|ul)"
                    r"(\s[\w-]+=|\s*/?>)", re.IGNORECASE)
NO_SQL = ("newsroom/web/", "newsroom/app.py", "newsroom/__main__.py", "newsroom/intake.py", "newsroom/outbox.py",
          "newsroom/feed.py", "connectors/")
# files whose work is HTML that is no page of ours, with the reason
MARKUP_ALLOWED = {
    "newsroom/composition.py": "a mail of our own is no page: escaped text between paragraphs, and the signature",
    "newsroom/demo/source.py": "a post as a Mastodon server writes it is HTML",
    "connectors/email/plain.py": "marks quoted parts in HTML before it becomes plain text",
}

FOREIGN = [re.compile(text) for text in (
    r"py" r"pi\.org", r"python" r"hosted\.org", r"registry\.npm" r"js", r"deb\." r"debian\.org",
    r"(?<![\w.$}/-])/(root|work|opt/pypi|Users/\w+)/")]


def tracked(*endings: str) -> list[Path]:
    """Files that git knows, or will know at the next commit, with these endings."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    paths = [ROOT / name for name in names if name.endswith(endings or ("",))]
    return [path for path in paths if path.is_file()]


def product() -> list[Path]:
    """Our Python files, without the tests."""
    return [path for path in tracked(".py") if name_of(path).startswith(("newsroom/", "connectors/"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path, *kinds: type) -> Iterator[ast.AST]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds))


def test_imports_go_one_way():
    done = subprocess.run([Path(sys.executable).parent / "lint-imports", "--no-logo"], cwd=ROOT, capture_output=True,
                          text=True)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_aiohttp_stands_only_in_web_and_connectors():
    allowed = ("newsroom/web/", "connectors/", "newsroom/app.py", "newsroom/__main__.py")
    found = []
    for path in product():
        for node in nodes(path, ast.Import, ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            if any(name.split(".")[0] == "aiohttp" for name in names) and not name_of(path).startswith(allowed):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert [] == found


def test_sql_is_never_built_from_strings():
    found = []
    for path in product():
        for node in nodes(path, ast.JoinedStr, ast.BinOp, ast.Call):
            if SQL.match(built_text(node)):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert [] == found


def built_text(node: ast.AST) -> str:
    """The literal beginning of a string that is put together from values, or nothing."""
    match node:
        case ast.JoinedStr(values=values) if any(isinstance(v, ast.FormattedValue) for v in values):
            return "".join(v.value if isinstance(v, ast.Constant) else " x " for v in values)
        case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str(text))):
            return text
        case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str(text)))):
            return text
    return ""


def test_sql_stands_only_in_the_domain():
    found = [f"{name_of(path)}:{node.lineno}" for path in product() if name_of(path).startswith(NO_SQL)
             for node in strings(path) if SQL.match(node.value)]
    assert [] == found


def test_html_stands_only_in_templates():
    found = [f"{name_of(path)}:{node.lineno}: {node.value[:40]!r}" for path in product()
             if name_of(path) not in MARKUP_ALLOWED for node in strings(path) if MARKUP.search(node.value)]
    assert [] == found


def strings(path: Path) -> Iterator[ast.Constant]:
    """Every string in a file that is not a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node


def test_nothing_switches_escaping_off():
    off = re.compile(r"\|\s*safe\b|\bMarkup\(|autoescape\s+false|autoescape\s*=\s*False|\bmark_safe\b")
    found = [f"{name_of(path)}: {match.group(0)}" for path in [*product(), *tracked(".html", ".jinja", ".svg", ".xml")]
             if not name_of(path).startswith("tests/") for match in off.finditer(path.read_text(encoding="utf-8"))]
    assert [] == found


def test_no_registry_hosts_and_no_paths_of_one_machine():
    found = []
    for path in tracked():
        if name_of(path).startswith("tests/connectors/") or path == Path(__file__).resolve():
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{name_of(path)}: {match.group(0)}" for rule in FOREIGN for match in rule.finditer(text)]
    assert [] == found


@pytest.mark.parametrize("ending", [".py", ".js", ".css", ".html"])
def test_files_are_short_or_say_why_not(ending):
    found = []
    for path in tracked(ending):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > FILE_LINES and LONGER not in "\n".join(lines[:8]) and "/payloads/" not in name_of(path):
            found.append(f"{name_of(path)}: {len(lines)}")
    assert [] == found


def test_functions_are_short():
    lengths = {f"{name_of(path)}:{node.name}": node.end_lineno - node.lineno + 1
               for path in tracked(".py") for node in nodes(path, ast.FunctionDef, ast.AsyncFunctionDef)}
    assert {} == {name: length for name, length in lengths.items() if length > FUNCTION_LINES}
    ordered = sorted(length for name, length in lengths.items() if not name.startswith("tests/"))
    assert ordered[int(len(ordered) * 0.9)] <= USUAL_FUNCTION_LINES


def test_no_file_is_named_after_nothing():
    parts = {part for path in tracked(".py", ".js") for part in path.relative_to(ROOT).with_suffix("").parts}
    assert set() == parts & NO_NAMES


def test_the_rules_see_what_they_forbid():
    """A rule that matches nothing would pass for ever."""
    tree = ast.parse('f"select name from {table}"; "delete from %s" % t; "insert into x values {}".format(v)')
    assert 3 == sum(bool(SQL.match(built_text(node))) for node in ast.walk(tree))
    assert MARKUP.search('<p class="x">') and MARKUP.search("</div>") and not MARKUP.search("<b@example.example>")
    assert any(rule.search("see /ro" "ot/.cache") for rule in FOREIGN)
    assert any(rule.search("https://py" "pi.org/simple") for rule in FOREIGN)
