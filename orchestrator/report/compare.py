"""What `vpsdeploy releases diff` shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

_CHANGES = ("added", "removed", "changed")
_SHOWN_DIGEST = 12


def text(answer: Json) -> str:
    """For people: from the first release to the second, one paragraph for each kind of difference."""
    a, b = answer["a"], answer["b"]
    head = [f"from {a['release']}  {_about(a)}".rstrip(), f"to   {b['release']}  {_about(b)}".rstrip()]
    found = [
        ("settings", _pairs(answer["settings"], "name")),
        ("env (values are never shown)", [_env(one) for one in answer["env"]]),
        (f"packages: {_counts(answer['packages'])}", _listed(answer["packages"], "name")),
        (f"files: {_counts(answer['files'])}", _listed(answer["files"], "path")),
    ]
    parts = ["\n".join([f"{title}", *(f"  {line}" for line in lines)]) for title, lines in found if lines]
    others = _others(answer)
    return "\n\n".join(
        ["\n".join(head), *(parts or ["no difference" if not others else ""]), *others]
    ).strip()


def fields(answer: Json) -> Json:
    """For programs (kind "releases_diff")."""
    return answer


def _about(side: Json) -> str:
    return f"{str(side.get('revision') or '')[:12]} {side.get('subject') or ''}".strip()


def _others(answer: Json) -> list[str]:
    """Files of packages are counted only: the packages say more."""
    counts = answer["package_files"]
    return [f"files of packages: {_counts(counts)}"] if any(counts[name] for name in _CHANGES) else []


def _counts(counts: Json) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in _CHANGES)


def _pairs(items: Iterable[Json], name: str) -> list[str]:
    return [f"{_mark(one)} {one[name]}: {_ends(one['a'], one['b'])}" for one in items]


def _listed(group: Json, name: str) -> list[str]:
    """The first ones, and how many are not named."""
    left = sum(group[change] for change in _CHANGES) - len(group["first"])
    return [*_pairs(group["first"], name), *([f"... and {left} more (--names N)"] if left > 0 else [])]


def _env(one: Json) -> str:
    said = {"+": "added", "-": "removed", "~": "differs"}[_mark(one)]
    digests = f" (digest {one['a']} -> {one['b']})" if one["a"] and one["b"] else ""
    return f"{_mark(one)} {one['name']}: {said}{digests}"


def _mark(one: Json) -> str:
    return "+" if one["a"] is None else "-" if one["b"] is None else "~"


def _ends(a: Any, b: Any) -> str:
    return " -> ".join(_short(end) for end in (a, b) if end is not None)


def _short(end: Any) -> str:
    """Digests of contents are long; their beginning tells them apart."""
    value = str(end)
    is_digest = len(value.rstrip("x")) == 16 and all(c in "0123456789abcdef" for c in value.rstrip("x"))
    return value[:_SHOWN_DIGEST] if is_digest else value
