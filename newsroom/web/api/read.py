"""Typed input: every mistake is found, not only the first one."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import Struct
from multidict import MultiMapping

from newsroom.web.problem import TITLES, Mistake, Refusal

DEEPEST = 100  # levels of JSON within JSON


def parameters(given: MultiMapping[str], model: type[Struct] | None) -> Any:
    """The query as a model; a parameter that it does not know is a mistake. Raises `Refusal`."""
    fields = {one.encode_name: one for one in msgspec.structs.fields(model)} if model else {}
    found: dict[str, Any] = {}
    mistakes = [Mistake(name, "is not a parameter here") for name in sorted(set(given) - set(fields))]
    for name in (name for name in fields if name in given):
        values = given.getall(name)
        many = get_origin(_bare(fields[name].type)) is list
        if len(values) > 1 and not many:
            mistakes.append(Mistake(name, "is given more than once"))
            continue
        try:
            found[fields[name].name] = msgspec.convert(values if many else values[0], fields[name].type, strict=False)
        except (msgspec.ValidationError, UnicodeError) as error:
            mistakes.append(Mistake(name, _reason(error)))
    _tell(mistakes)
    return model(**found) if model else None


def body(raw: bytes, model: type[Struct]) -> Any:
    """A JSON body as a model. Raises `Refusal`."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refusal(400, "Not JSON", "The body cannot be read as JSON in UTF-8.") from error
    try:
        return msgspec.json.decode(raw, type=model)
    except (msgspec.ValidationError, RecursionError) as error:
        mistakes = list(_mistakes(value, model, "$"))
        _tell(mistakes or [Mistake("$", _reason(error))])
        raise


def _mistakes(value: Any, kind: Any, where: str, depth: int = 0) -> Iterator[Mistake]:
    """What is wrong with a value, part by part as far as its type has parts."""
    kind = _bare(kind)
    if depth > DEEPEST:
        yield Mistake(where, "is nested too deeply")
    elif isinstance(kind, type) and issubclass(kind, Struct) and isinstance(value, dict):
        fields = {one.encode_name: one for one in msgspec.structs.fields(kind)}
        yield from (Mistake(f"{where}.{name}", "is unknown") for name in sorted(set(value) - set(fields)))
        yield from (Mistake(f"{where}.{name}", "is missing") for name, one in fields.items()
                    if name not in value and one.required)
        for name in (name for name in fields if name in value):
            yield from _mistakes(value[name], fields[name].type, f"{where}.{name}", depth + 1)
    elif get_origin(kind) is list and isinstance(value, list) and not isinstance(get_args(kind)[0], types.UnionType):
        for number, one in enumerate(value):
            yield from _mistakes(one, get_args(kind)[0], f"{where}[{number}]", depth + 1)
    else:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            yield Mistake(where, _reason(error))


def _bare(kind: Any) -> Any:
    """The type without what is said about it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _reason(error: Exception) -> str:
    text = str(error).partition(" - at ")[0]
    return text[:1].lower() + text[1:]


def _tell(mistakes: list[Mistake]) -> None:
    if mistakes:
        raise Refusal(400, TITLES[400], f"The request has {len(mistakes)} mistake{'s' * (len(mistakes) > 1)}.",
                      mistakes)
