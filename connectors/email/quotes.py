"""New text told from the quoted mail under (or above, or between) it. Folded, never cut: both are kept whole.

What is unsure stays visible: a mail folded too little costs a glance, one folded too much hides a question.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import quotequail

_WORDS_OF_A_QUOTE = ("schreef", "wrote", "geschreven", "schrijft", "van:", "from:", "---", "____", "doorgestuurd",
                     "forwarded", "schrieb", "a écrit", "escribió", "von:", "de :", "from :", "van :")
_LONGEST_INTRO = 300  # characters; a longer line is prose
_INTRO_LINES = 4  # over how many lines an attribution may be wrapped
_LIBRARY_LINES = 60  # how many lines the library may be asked about: each costs 30 patterns
_LEAST_BARE_QUOTE = 3  # lines with > that nothing announces

_TIME_OR_ADDRESS = re.compile(r"\d{1,2}[:.]\d{2}|@|<")
_WROTE = re.compile(r"\b(?:schreef|wrote|schrijft|geschreven|schrieb|écrit|escribió)\b", re.I)
_OUR_WORDS = re.compile(r"\b(?:schreef|geschreven|schrijft|wrote)\b", re.I)
_PROSE = re.compile(r"\b(?:ik|u|uw|mij|wij|jullie|you|your)\b", re.I)
_ADDRESS = re.compile(r"<[^<>]*>|[^\s@]{1,64}@[^\s@]{1,255}")
_ATTRIBUTION_STARTS = ("op ", "on ", "in een bericht van ", "le ", "am ", "el ")
_FIELD = re.compile(r"[>\s]*\*?(van|from|von|de|verzonden|verzonden op|verstuurd|sent|gesendet|datum|date|aan|to|"
                    r"an|à|cc|onderwerp|betreft|subject|betreff|objet|beantwoorden|reply-to|belang|prioriteit|importance)"
                    r"\s{0,2}:\*?(?:\s|$)", re.I)
_FIRST_FIELDS = frozenset({"van", "from", "von", "de"})
_SECOND_FIELDS = frozenset({"verzonden", "verzonden op", "verstuurd", "sent", "gesendet", "datum", "date", "aan", "to",
                            "an", "onderwerp", "betreft", "subject", "betreff"})
_SEPARATOR = re.compile(
    r"[-_*\s]{2,40}\s?(?:oorspronkelijk bericht|origineel bericht|originele bericht|oorspronkelijke e-?mail|"
    r"original message|original appointment|oorspronkelijke afspraak|doorgestuurd bericht|doorgestuurde e-?mail|"
    r"forwarded message|forwarded by [^-]{1,80}|reply message|antwoordbericht)\s?[-_*\s]{2,40}|"
    r"(?:begin doorgestuurd bericht|begin forwarded message|oorspronkelijk bericht|original message)\s?:", re.I)
_BORDER = re.compile(r"_{20,200}|-{40,200}")
_SAYS_INLINE = re.compile(
    r"(?:antwoord|reactie|opmerking|commentaar|toelichting)\w{0,3} (?:staan |staat |vindt u |vind je )?"
    r"(?:hieronder|onder (?:uw|je|de) vra|tussen (?:de|uw)|in (?:het )?(?:rood|blauw|groen|geel|de tekst|uw mail))|"
    r"zie (?:hieronder )?(?:in )?(?:rood|blauw|groen)\b|hieronder (?:in|bij|tussen|per) \w+|"
    r"(?:answers?|replies|comments?) (?:below|inline|in (?:red|blue|line))|see (?:inline|below in)", re.I)


class _Intro(NamedTuple):
    line: int  # the first line of what announces the quote
    end: int  # the line after it
    sure: bool  # an attribution; not a header block or a forward, which a letter may begin with too


def split(text: str) -> tuple[str, str]:
    """`(new text, quoted)`. Answers between the quoted lines keep the text whole up to the last answer; a reply
    under the quote is the text and the quote above it is quoted; nothing but a forward is all text."""
    if not _may_quote(text):
        return text.strip("\n"), ""
    lines = text.split("\n")
    intro = _find_intro(lines)
    if intro and not _next_is_marked(lines, intro.end):
        return _below_intro(lines, intro)
    return _between_marks(lines, intro)


def _may_quote(text: str) -> bool:
    if text.startswith(">") or "\n>" in text or "\n >" in text:
        return True
    lower = text.lower()
    return any(word in lower for word in _WORDS_OF_A_QUOTE)


def _find_intro(lines: list[str]) -> _Intro | None:
    asked = 0
    for number, line in enumerate(lines):
        bare = line.strip()
        if not bare or bare[0] == ">" or len(bare) > _LONGEST_INTRO:
            continue
        if found := _attribution(lines, number) or _header_block(lines, number):
            return found
        if _SEPARATOR.fullmatch(bare):
            return _Intro(number, number + 1, False)
        if asked < _LIBRARY_LINES and _may_be_foreign(bare):
            asked += 1
            if found := _by_library(lines, number):
                return found
    return None


def _attribution(lines: list[str], number: int) -> _Intro | None:
    """`Op ... schreef ...:` and its kin, wrapped over a few lines or not."""
    joined = ""
    opens = lines[number].strip().lower().startswith(_ATTRIBUTION_STARTS)
    for end in range(number, min(number + _INTRO_LINES, len(lines))):
        piece = lines[end].strip()
        if not piece or piece[0] == ">" or len(joined) + len(piece) > _LONGEST_INTRO:
            return None
        joined = f"{joined} {piece}" if joined else piece
        if piece[-1] == ":":
            return _judged(joined, lines, _Intro(number, end + 1, True))
        if not opens:
            return None
    return None


def _judged(joined: str, lines: list[str], found: _Intro) -> _Intro | None:
    """Whether a line that ends in a colon announces a quote, or is a sentence about somebody's letter."""
    if not _WROTE.search(joined):
        return None
    if _next_is_marked(lines, found.end):
        return found
    dated = _TIME_OR_ADDRESS.search(joined) and any(map(str.isdigit, joined))
    return found if dated and not _PROSE.search(_ADDRESS.sub("", joined)) else None


def _header_block(lines: list[str], number: int) -> _Intro | None:
    """Outlook's `Van: / Verzonden: / Aan: / Onderwerp:`, with its border line and separator above it."""
    first = _FIELD.match(lines[number])
    if not first or first[1].lower() not in _FIRST_FIELDS:
        return None
    names, end = {first[1].lower()}, number + 1
    while end < len(lines) and end < number + 14:
        field = _FIELD.match(lines[end])
        if field:
            names.add(field[1].lower())
        elif not lines[end].strip() and (len(names) > 2 or end > number + 3):
            break
        end += 1
    if len(names & _SECOND_FIELDS) < 2:
        return None
    start = number
    for above in range(number - 1, max(number - 4, -1), -1):
        bare = lines[above].strip()
        if _BORDER.fullmatch(bare) or _SEPARATOR.fullmatch(bare):
            start = above
        elif bare:
            break
    return _Intro(start, end, False)


def _may_be_foreign(bare: str) -> bool:
    return bare.startswith(("---", "___")) or bare[-1] in ":>" and not _OUR_WORDS.search(bare)


def _by_library(lines: list[str], number: int) -> _Intro | None:
    """The library's forms, for the languages we have none for. Asked about two short lines at a time: its
    patterns take quadratic time on long ones."""
    window = [line.strip()[:_LONGEST_INTRO] for line in lines[number:number + 2]]
    if _BORDER.fullmatch(window[0]):  # a border alone is as often above a signature
        return None
    pieces = quotequail.quote("\n".join(window), quote_intro_line=True)
    if pieces[0][0] and pieces[0][1]:
        return None
    sure = window[0][0] not in "-_" and window[0][-1] != ">"
    if sure and not _next_is_marked(lines, number + 1) and not _TIME_OR_ADDRESS.search(window[0]):
        return None
    return _Intro(number, number + 1, sure)


def _below_intro(lines: list[str], intro: _Intro) -> tuple[str, str]:
    """All below the intro is the old mail, unless the writer says that answers stand in it."""
    above, below = _joined(lines[:intro.line]), _joined(lines[intro.line:])
    if _SAYS_INLINE.search(above) or not above and not intro.sure:
        return _joined(lines), ""
    return above, below


def _between_marks(lines: list[str], intro: _Intro | None) -> tuple[str, str]:
    """Lines with `>`, from the intro on or, without one, from the first run of at least three."""
    begin = intro.line if intro else _first_run(lines)
    if begin is None:
        return _joined(lines), ""
    from_quote = intro.end if intro else begin
    marked = [number for number in range(from_quote, len(lines)) if lines[number].lstrip(" ").startswith(">")]
    last = marked[-1]
    new = [number for number in range(from_quote, last) if _is_new(lines[number])]
    after = [number for number in range(last + 1, len(lines)) if lines[number].strip()]
    above = _joined(lines[:begin])
    if not new and not after:
        return above, _joined(lines[begin:])
    if not new and not above:
        return _joined(lines[last + 1:]), _joined(lines[:last + 1])
    if after and not new and _starts_signature(lines[after[0]]):
        return f"{above}\n\n{_joined(lines[after[0]:])}", _joined(lines[begin:after[0]])
    if after:
        return _joined(lines), ""
    cut = new[-1] + 1
    return _joined(lines[:cut]), _joined(lines[cut:])


def _starts_signature(line: str) -> bool:
    return line.rstrip() == "--" or bool(_BORDER.fullmatch(line.strip()))


def _is_new(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip(" ").startswith(">")


def _first_run(lines: list[str]) -> int | None:
    run, begin = 0, None
    for number, line in enumerate(lines):
        if line.lstrip(" ").startswith(">"):
            begin = number if run == 0 else begin
            run += 1
            if run >= _LEAST_BARE_QUOTE:
                return begin
        elif line.strip():
            run = 0
    return None


def _next_is_marked(lines: list[str], begin: int) -> bool:
    following = (line.lstrip() for line in lines[begin:begin + 4] if line.strip())
    return next(following, "").startswith(">")


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n")
