"""One request to a public form: what was sent, and what the next page needs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from aiohttp import web

from newsroom import answer
from newsroom.answer import Problem
from newsroom.form import Field, Form
from newsroom.form_file import FormFile
from newsroom.web.keys import ADDRESS, SIGNING
from newsroom.web.limits import ANSWER_CHARACTERS
from newsroom.web.public.pages import Shown, language_of, page
from newsroom.web.public.state import State, seal
from newsroom.web.public.upload import Upload
from newsroom.web.visitor import network_of

BAIT = "website"  # a field that people do not see; who fills it in is no person
ANSWER = "a-"  # begins the name of a field that holds an answer


def place_of(request: web.Request) -> str:
    """The visitor's address as rate limits know it: nobody can read it back."""
    key = request.app[SIGNING]("visitor")
    return hmac.new(key, network_of(request[ADDRESS]).encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Posted:
    """What the browser sent: texts in order, and files."""

    texts: tuple[tuple[str, str], ...]
    files: tuple[Upload, ...]

    def text(self, name: str) -> str:
        return next((value for key, value in self.texts if key == name), "")

    def answer(self, one: Field) -> str | list[str]:
        """The answer to a question, as it was typed. Boxes give a list."""
        given = [value for key, value in self.texts if key == ANSWER + one.name]
        return given if one.type == "choices" else "\n".join(given[:1])


@dataclass(slots=True)
class Visit:
    """Who is where in which form. `state` moves on while the request is handled."""

    request: web.Request
    shown: Shown
    state: State
    problems: list[Problem] = field(default_factory=list)

    @property
    def form(self) -> Form:
        return self.shown.served.form

    @property
    def language(self) -> str:
        return language_of(self.request)

    @property
    def place(self) -> str:
        """The visitor's address as rate limits know it: nobody can read it back."""
        return place_of(self.request)

    def take_answers(self, posted: Posted, step: int) -> None:
        """Keep what was filled in, right or wrong."""
        given = {one.name: posted.answer(one) for one in self.form.of_step(step) if one.type != "file"}
        self.state = replace(self.state.with_answers(given), bait=self.state.bait or bool(posted.text(BAIT)))

    def check(self, fields: Sequence[Field]) -> list[Problem]:
        return answer.check(fields, self.state.answers, self.state.names())

    def step(self, step: int, status: int = 200) -> web.Response:
        """The page with the questions of a step, and what is wrong with the answers."""
        wrong: dict[str, Problem] = {}
        for problem in self.problems:
            wrong.setdefault(problem.field, problem)
        fields = self.form.of_step(step)
        return self._page("step.html", status, step=step, fields=fields, options=answer.options,
                          wrong={one.name: wrong[one.name] for one in fields if one.name in wrong})

    def review(self, status: int = 200, notice: str = "") -> web.Response:
        """The last look before sending: every answer, each with a way back to it. `notice` is `files` or `stale`:
        why it is shown again."""
        found = {one.name: one for one in answer.shown(self.form, self.state.answers, self.state.names(),
                                                       self.language)}
        return self._page("review.html", status, found=found, notice=notice)

    def notice(self, kind: str, status: int, **values) -> web.Response:
        """A page between: wait a moment, sent before, and so on. It carries all answers."""
        return self._page("notice.html", status, kind=kind, **values)

    def receipt(self, **values) -> web.Response:
        return page(self.request, "receipt.html", self.shown, 200, **values)

    def files_of(self, name: str) -> list[FormFile]:
        return [one for one in self.state.files if one.field == name]

    def _page(self, template: str, status: int, **values) -> web.Response:
        return page(self.request, template, self.shown, status, state=self.state, files_of=self.files_of, bait=BAIT,
                    sealed=seal(self.state, self.request.app[SIGNING]("form")), longest=ANSWER_CHARACTERS, **values)
