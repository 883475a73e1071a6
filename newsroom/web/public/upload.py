"""Files that a resident adds: what they are by their content, and whether they fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from newsroom.answer import Problem
from newsroom.form_file import FormFile
from newsroom.web import limits
from newsroom.web.file_kind import kind_of

LONGEST_NAME = 120  # characters
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069/\\:*?\"<>|]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as the browser sent it."""

    field: str
    name: str
    content: bytes


def check(one: Upload, have: Sequence[FormFile]) -> Problem | None:
    """What is wrong with a file beside those that were added before."""
    name = {"name": safe_name(one.name)}
    if len(have) >= limits.FORM_FILES:
        return Problem(one.field, "too_many_files", {"most": limits.FORM_FILES})
    if not one.content:
        return Problem(one.field, "empty_file", name)
    if len(one.content) > limits.FORM_FILE_BYTES:
        return Problem(one.field, "file_too_large", {**name, "most": limits.FORM_FILE_BYTES // 1_000_000})
    if len(one.content) + sum(file.size for file in have) > limits.FORM_FILES_BYTES:
        return Problem(one.field, "files_too_large", {**name, "most": limits.FORM_FILES_BYTES // 1_000_000})
    if not kind_of(one.content):
        return Problem(one.field, "file_kind", name)
    return None


def first_problem(files: Sequence[Upload]) -> Problem | None:
    """What is wrong with files that come together."""
    have: list[FormFile] = []
    for one in files:
        if problem := check(one, have):
            return problem
        have.append(FormFile(0, "", one.name, "", len(one.content)))
    return None


def safe_name(name: str) -> str:
    """The name without folders, control characters and what turns text around; never empty."""
    last = re.split(r"[/\\]", name)[-1]
    return _UNSAFE.sub("", last).strip(" .")[-LONGEST_NAME:] or "bestand"
