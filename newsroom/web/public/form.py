"""The public form: steps, a last look, and the receipt. Nothing that a resident typed is lost on the way."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from connectors import clean
from newsroom import form_file, limit
from newsroom.answer import Problem
from newsroom.web import limits
from newsroom.web.errors import RETRY_SECONDS, has_left, is_database_gone
from newsroom.web.file_kind import kind_of
from newsroom.web.keys import DATABASE, SIGNING, log, now
from newsroom.web.public import statements, upload
from newsroom.web.public.pages import Forms, Shown, page, style_sheet
from newsroom.web.public.sending import again, send
from newsroom.web.public.state import State, begin, new_key, unseal
from newsroom.web.public.upload import Upload
from newsroom.web.public.visit import ANSWER, Posted, Visit
from newsroom.web.routes import Routes
from newsroom.web.security import PUBLIC

PATH = "/formulier/{slug:[a-z0-9-]{1,60}}"


def routes(add: Routes) -> None:
    forms = PublicForm()
    statements.routes(add)
    add.page("GET", "/formulier/huisstijl.css", style_sheet, "public", name="public_theme")
    add.page("GET", PATH, forms.show, "public", name="public_form", csp=PUBLIC)
    add.page("POST", PATH, forms.post, "public", csp=PUBLIC, most_bytes=limits.FORM_BODY_BYTES)


class PublicForm:
    """The handlers. Forms that were shown lately are remembered."""

    def __init__(self) -> None:
        self._forms = Forms()

    async def show(self, request: web.Request) -> web.Response:
        """The first step, empty."""
        try:
            shown = await self._forms.find(request)
        except Exception as error:
            return _away(request, Posted((), ()), error)
        if shown is None:
            return page(request, "plain.html", None, 404, kind="closed")
        if not shown.opening.takes:  # who was filling it in already can still send
            return page(request, "closed.html", shown)
        form = shown.served.form
        return Visit(request, shown, begin(form.id, form.version, now(request))).step(1)

    async def post(self, request: web.Request) -> web.Response:
        """Every button of the form: on, back, send, add or drop a file."""
        try:
            posted = await _read(request)
        except web.HTTPRequestEntityTooLarge:
            return page(request, "plain.html", None, 413, kind="too_large")
        try:
            shown = await self._forms.find(request)
            if shown is None:
                return page(request, "plain.html", None, 404, kind="closed")
            return await _act(Visit(request, shown, _state(request, shown, posted)), posted)
        except Exception as error:
            return _away(request, posted, error)


async def _act(visit: Visit, posted: Posted) -> web.Response:
    steps = len(visit.form.steps)
    step = _number(posted.text("stap"), steps + 1)
    verb, _, which = posted.text("doe").partition("-")
    if step <= steps:
        visit.take_answers(posted, step)
        await _add_files(visit, posted.files)
    match verb:
        case "verstuur":
            return await send(visit)
        case "nieuw":
            return await again(visit)
        case "naar":
            return _go(visit, _number(which, steps + 1))
        case "weg":
            await _drop_file(visit, which)
            return _go(visit, step)
        case "terug":
            return _go(visit, max(1, step - 1))
        case "verder":
            visit.problems += visit.check(visit.form.of_step(step))
            return visit.step(step, 422) if visit.problems else _go(visit, step + 1)
    return _go(visit, step)


def _go(visit: Visit, step: int) -> web.Response:
    """To a step, or past the last one to the last look. What is wrong with files is told where they were added."""
    if visit.problems:
        field = visit.form.field(visit.problems[0].field)
        return visit.step(field.step if field else 1, 422)
    return visit.step(step) if step <= len(visit.form.steps) else visit.review()


def _state(request: web.Request, shown: Shown, posted: Posted) -> State:
    """The state that came along, or a fresh one; a form of another number or too old keeps its answers only."""
    form = shown.served.form
    fresh = begin(form.id, form.version, now(request))
    state = unseal(posted.text("staat"), request.app[SIGNING]("form"))
    if state is None:
        return fresh
    if state.form_id != form.id:
        return replace(fresh, answers=state.answers, key=new_key())
    return replace(state, version=form.version)


async def _read(request: web.Request) -> Posted:
    """The body of the form. A file without a name is one that was not chosen."""
    try:
        post = await request.post()
    except web.HTTPException:
        raise
    except (ValueError, LookupError, AssertionError, HttpProcessingError) as error:
        raise web.HTTPBadRequest from error
    texts, files = [], []
    for name, value in post.items():
        if isinstance(value, str):
            texts.append((name, _clean(value, name)))
        elif isinstance(value, web.FileField) and value.filename:
            files.append(Upload(name.removeprefix(ANSWER), value.filename, value.file.read()))
    return Posted(tuple(texts), tuple(files))


async def _add_files(visit: Visit, files: tuple[Upload, ...]) -> None:
    """Keep files for a day at most, under the key of this form."""
    fields = {one.name for one in visit.form.fields if one.type == "file"}
    wanted = [one for one in files if one.field in fields]
    if not wanted:
        return
    at = now(visit.request)
    async with visit.request.app[DATABASE].connection() as connection:
        if await limit.take(connection, f"form files:{visit.place}", limits.FORM_UPLOADS, at):
            visit.problems.append(Problem(wanted[0].field, "files_wait"))
            return
        for one in wanted:
            problem = upload.check(one, visit.state.files)
            if problem is None:
                try:
                    kept = await form_file.stage(connection, visit.state.key, one.field, upload.safe_name(one.name),
                                                 kind_of(one.content), one.content, at)
                    visit.state = replace(visit.state, files=(*visit.state.files, kept))
                except form_file.Full:
                    problem = Problem(one.field, "files_full")
            if problem:
                visit.problems.append(problem)


async def _drop_file(visit: Visit, which: str) -> None:
    gone = [one for one in visit.state.files if str(one.id) == which]
    visit.state = replace(visit.state, files=tuple(one for one in visit.state.files if one not in gone))
    for one in gone:
        async with visit.request.app[DATABASE].connection() as connection:
            await form_file.drop(connection, visit.state.key, one.id)


def _away(request: web.Request, posted: Posted, error: Exception) -> web.Response:
    """The database cannot be reached: a page that holds everything that was sent, with a button to try again."""
    if has_left(request, error) or not is_database_gone(error):
        raise error
    log.error("database unreachable", error=type(error).__name__)
    response = page(request, "away.html", None, 503, texts=posted.texts, lost_files=bool(posted.files))
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _number(text: str, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and 0 < len(text) < 4 and int(text) else 1


def _clean(text: str, name: str) -> str:
    """Lines end as they do here, without NUL and halves of characters."""
    if name != "staat":
        text = text.replace("\r\n", "\n")[:limits.ANSWER_CHARACTERS + 1]
    return clean(text)
