"""A mail that holds nothing but another mail: the inner one made readable."""

from __future__ import annotations

from connectors.email import structure
from connectors.email.body import Body, collect, text_of
from connectors.email.limits import ENVELOPES, Notes
from connectors.email.structure import Part

_LINES = (("from", "Van"), ("date", "Datum"), ("to", "Aan"), ("subject", "Onderwerp"))


def readable(body: Body, notes: Notes) -> str:
    """The mails in `body` one after another, as many as are opened; empty when there are none."""
    texts = []
    for part in body.messages:
        if notes.envelopes >= ENVELOPES:
            notes.add("too-deep")
            break
        notes.envelopes += 1
        texts.append(_one(part, notes))
    return "\n\n".join(texts)


def _one(part: Part, notes: Notes) -> str:
    inner = structure.read(part.content(notes), notes)
    said = ((label, inner.headers.text(name)) for name, label in _LINES)
    header = "\n".join(f"{label}: {value}" for label, value in said if value)
    inside = collect(inner, notes)
    text = text_of(inside, notes).strip("\n") or readable(inside, notes)
    return f"{header}\n\n{text}".strip("\n")
