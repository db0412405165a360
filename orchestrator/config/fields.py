"""The types of single keys: what is allowed, said once for the check and for the message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

MIN_MEMORY_BYTES = 64 * 1024**2
"""Below this Node itself does not start an application (a bare NestJS process is about 60 MB resident)."""

MOST_ENV_BYTES = 131_000
"""Longest name and value of one env variable: the kernel's limit is 131,072 for both (MAX_ARG_STRLEN)."""

_SCALE = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_RESERVED_ENV = {
    "PORT": "vpsdeploy sets it for each instance",
    "NODE_ENV": "it is always production",
}
_SECRET_WORDS = frozenset({"PASSWORD", "PASSWD", "SECRET", "TOKEN", "APIKEY", "CREDENTIALS", "PRIVATEKEY"})
_OUR_DIRECTORIES = frozenset({
    "acme", "bans", "converged", "guard", "routes", "services", "swapfile", "trusted",
})  # fmt: skip
"""What stands in /var/lib/vpsdeploy beside a directory for each app (docs/internals.md)."""
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_DOMAIN = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a key may hold, in words: shown where a value is refused."""

    text: str


def _matches(pattern: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError
        return value

    return AfterValidator(check)


def _not_ours(name: str) -> str:
    if name in _OUR_DIRECTORIES:
        raise ValueError(f'"{name}" names a directory of vpsdeploy itself on the hosts')
    return name


def memory_size(value: str) -> str:
    """A size such as 512M, from what Node itself needs on.

    Raises: ValueError: anything else.
    """
    if memory_bytes(value) < MIN_MEMORY_BYTES:
        raise ValueError
    return value


def memory_bytes(value: str) -> int:
    """What a size such as 512M is.

    Raises: ValueError: it is none.
    """
    match = re.fullmatch(r"([1-9]\d{0,6})([KMGT])", value)
    if match is None:
        raise ValueError
    return int(match[1]) * _SCALE[match[2]]


def _relative(value: str) -> str:
    path = PurePosixPath(value)
    if not value.isprintable() or not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError
    return str(path)


def _without_overlap(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        for other in paths:
            if PurePosixPath(path) in PurePosixPath(other).parents:
                raise ValueError(f'"{other}" is inside "{path}": name the outer one only')
    return _unique(paths)


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f'"{value}" is there twice')
    return values


def _canary(steps: tuple[int, ...]) -> tuple[int, ...]:
    """The shares of a canary, in percent of the requests."""
    outside = next((step for step in steps if not 1 <= step <= 100), None)
    if outside is not None:
        raise ValueError(f"{outside} is not a share of the requests: from 1 to 100 (percent)")
    if steps and (list(steps) != sorted(set(steps)) or steps[-1] != 100):
        raise ValueError(
            f"{', '.join(map(str, steps))} does not rise to 100; write [5, 25, 100], for example"
        )
    return steps


def env_key(key: str) -> str:
    """The name of a variable that an app may be given.

    Raises: ValueError: no name of an env variable, or one of ours.
    """
    if not re.fullmatch(r"[A-Z_][A-Za-z0-9_]*", key):
        raise ValueError(
            "a name of an env variable starts with a capital letter or _; letters, digits and _ follow"
        )
    if key in _RESERVED_ENV:
        raise ValueError(f"cannot be set: {_RESERVED_ENV[key]}")
    if key.startswith("VPSDEPLOY_"):
        raise ValueError("cannot be set: names that start with VPSDEPLOY_ are vpsdeploy's own")
    return key


def _env_value(value: str) -> str:
    # The value is never shown: it may be a secret.
    if any(not c.isprintable() and c not in "\n\t" for c in value):
        raise ValueError("contains a control character")
    return value


def secret_value(name: str, value: str) -> str:
    """The value of a secret: anything that systemd hands over as it is (agent/envfile.py refuses the same).

    Raises: ValueError: it would not arrive; the value itself is never shown.
    """
    if any(_is_dropped(ord(character)) for character in value):
        raise ValueError(
            "holds a control character (beside tab and newline), which systemd hands to no process; "
            "is it binary, or a text with CRLF line ends? base64 makes text of anything"
        )
    if len(value.encode()) + len(name) > MOST_ENV_BYTES:
        raise ValueError(
            f"is longer than {MOST_ENV_BYTES} bytes, the most that Linux hands over as one variable"
        )
    return value


def _is_dropped(code: int) -> bool:
    """Source: systemd, src/basic/env-util.c, env_value_is_valid and src/basic/utf8.c, unichar_is_valid."""
    if code < 0x20:
        return code not in (0x09, 0x0A)
    return code == 0x7F or 0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def refuse_bool(value: Any) -> Any:
    """Python takes True for 1; a person who wrote true meant something else."""
    if isinstance(value, bool):
        raise ValueError
    return value


def holds_secret(value: str) -> bool:
    """Whether a value is one that should not be in a file under version control: a private key, a URL's password."""
    return bool(_PRIVATE_KEY.search(value) or _PASSWORD_IN_URL.match(value))


def looks_secret(key: str) -> bool:
    """Whether an env variable's name says that its value should not be in a file under version control."""
    words = set(key.upper().split("_"))
    return bool(words & _SECRET_WORDS) or {"API", "KEY"} <= words or {"PRIVATE", "KEY"} <= words


AppName = Annotated[
    str,
    _matches(r"[a-z][a-z0-9-]{0,30}"),
    AfterValidator(_not_ours),
    Allowed(
        "a small letter, then up to 30 small letters, digits and hyphens (it names a Linux user and a unit)"
    ),
]
Text = Annotated[str, _matches(r"[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*"), Allowed("text on one line")]
RelativePath = Annotated[
    str, AfterValidator(_relative), Allowed("a path inside the source directory, without ..")
]
NodeRequest = Annotated[
    str,
    _matches(r"lts|[1-9]\d{0,2}(\.\d{1,3}){0,2}"),
    Allowed('"lts", or a version in quotes: "24", "24.21" or "24.21.0"'),
]
HealthPath = Annotated[
    str, _matches(r"/[A-Za-z0-9/._~%!$&()*+,;=:@?-]*"), Allowed("a path that starts with /, such as /health")
]
Memory = Annotated[str, AfterValidator(memory_size), Allowed("a size from 64M on, such as 512M or 2G")]
Cpu = Annotated[str, _matches(r"[1-9]\d{0,4}%"), Allowed("a percentage of one core, such as 100% or 250%")]
Domain = Annotated[
    str, _matches(_DOMAIN.pattern), Allowed("a full domain name in small letters, such as shop.example.com")
]
SharedPaths = Annotated[
    tuple[RelativePath, ...], AfterValidator(_without_overlap), Allowed("a list of directories")
]
IncludePaths = Annotated[tuple[RelativePath, ...], AfterValidator(_unique), Allowed("a list of paths")]
Domains = Annotated[tuple[Domain, ...], AfterValidator(_unique), Allowed("a list of domain names")]
EnvKey = Annotated[str, AfterValidator(env_key)]
EnvKeys = Annotated[
    tuple[EnvKey, ...],
    AfterValidator(_unique),
    Allowed("a list of names of env variables, such as [DATABASE_URL]"),
]
EnvValue = Annotated[
    str, AfterValidator(_env_value), Allowed('text, a number or true/false; "" for an empty value')
]
Switch = Annotated[bool, Allowed("true or false")]
CanarySteps = Annotated[
    tuple[int, ...],
    AfterValidator(_canary),
    Allowed("a list of percentages that rises to 100, such as [5, 25, 100]"),
]
Install = Annotated[Literal["bundle", "host"], Allowed('"bundle" or "host"')]
Surge = Annotated[Literal["all", 1], BeforeValidator(refuse_bool), Allowed('"all" or 1')]
