"""Pydantic's errors as problems: line, key, value seen, what is allowed, the nearest known key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from orchestrator.config.app import AppConfig
from orchestrator.config.document import Document
from orchestrator.config.fields import Allowed
from orchestrator.config.problems import KeyPath, Problem, nearest, shown


def explain(error: ValidationError, written: Document) -> list[Problem]:
    """Every error of a validation, at most one for a key."""
    problems: dict[KeyPath, Problem] = {}
    for details in error.errors(include_url=False):
        path = _written_path(details["loc"])
        text = _text(details, path, written)
        problems.setdefault(path, Problem(written.line(path), path, text))
    return list(problems.values())


def _written_path(loc: KeyPath) -> KeyPath:
    """Where the value stands in the file: for a refused key, pydantic adds the marker "[key]"."""
    return tuple(part for part in loc if part != "[key]")


def _text(details: ErrorDetails, path: KeyPath, written: Document) -> str:
    kind = details["type"]
    if kind == "missing":
        return f"is missing; it must be {allowed(path)}"
    if kind == "extra_forbidden":
        return f"unknown key{nearest(str(path[-1]), known_keys(path[:-1])) or _list_known(path[:-1])}"
    if kind == "value_error" and str(details["ctx"]["error"]):
        return str(details["ctx"]["error"])
    if path == ("node",) and isinstance(details["input"], float):
        text = written.texts[path]
        return f'{text} without quotes is the number {details["input"]:g}; write node: "{text}"'
    return f"{_seen(details['input'], path, written)} is not allowed; it must be {allowed(path)}"


def _seen(value: Any, path: KeyPath, written: Document) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "an empty value"
    return shown(value) if isinstance(value, str) else written.texts.get(path, str(value))


def _list_known(path: KeyPath) -> str:
    return f"; known are {', '.join(known_keys(path))}"


def known_keys(path: KeyPath) -> tuple[str, ...]:
    """The keys that a mapping may have; none where any key may stand."""
    fields = AppConfig.model_fields
    for part in path:
        field = fields.get(str(part))  # none: the place of an item in a list, the name of a worker
        model = (section(field) or _item(field)) if field else None
        fields = model.model_fields if model else fields
    return tuple(fields)


def section(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a mapping with known keys."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _item(field: FieldInfo) -> type[BaseModel] | None:
    """The model of the items of a field that is a list of mappings, or gives each a free name."""
    kinds = (
        get_args(part)[0] if hasattr(part, "__metadata__") else part for part in _parts(field.annotation)
    )
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def allowed(path: KeyPath) -> str:
    """What may stand at a key, in words."""
    field = AppConfig.model_fields[str(path[0])]
    rest = path[1:]
    while rest:
        model = section(field)
        if (item := _item(field)) and len(rest) > 1:
            model, rest = item, rest[1:]
        if model is None:
            return _innermost(field) or (_keys_of(item) if item else _allowed_in(field))
        field, rest = model.model_fields[str(rest[0])], rest[1:]
    return _allowed_in(field)


def _keys_of(model: type[BaseModel]) -> str:
    return f"a mapping with {', '.join(model.model_fields)}"


def _allowed_in(field: FieldInfo) -> str:
    model = section(field)
    if model:
        return _keys_of(model)
    limits = [
        item.ge if isinstance(item, Ge) else item.le for item in field.metadata if isinstance(item, Ge | Le)
    ]
    if limits:
        number = "a whole number" if field.annotation is int else "a number"
        return f"{number} from {limits[0]} to {limits[1]}"
    return next(_texts(field.metadata), "") or next(
        _texts(_parts(field.annotation)), "a mapping of names and values"
    )


def _innermost(field: FieldInfo) -> str:
    """For an item of a list or of env: the last text found is the item's own."""
    texts = list(_texts(_parts(field.annotation)))
    return texts[-1] if texts else ""


def _texts(parts: Any) -> Iterator[str]:
    return (part.text for part in parts if isinstance(part, Allowed))


def _parts(annotation: Any) -> Iterator[Any]:
    """An annotation's metadata and arguments, from the outside inwards."""
    metadata = getattr(annotation, "__metadata__", ())
    yield from metadata
    for part in get_args(annotation)[: 1 if metadata else None]:
        yield part
        yield from _parts(part)
