"""The request of a verb: typed access to its fields. Everything in it comes from outside and is not trusted."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from orchestrator.agent.failures import HostNotReady, UsageError
from orchestrator.agent.version import PROTOCOL

APP = re.compile(r"[a-z][a-z0-9_-]{0,31}")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,250}[A-Za-z0-9])?")
RELEASE = re.compile(r"\d{14}-[0-9a-f]{8}")
CHANGE = re.compile(r"[0-9a-f]{16}")
"""Names one run of a command, on every host that it changes."""
DIGEST = re.compile(r"[0-9a-f]{64}")
NODE = re.compile(r"\d+\.\d+\.\d+")
JOB = re.compile(r"[a-z][a-z0-9-]{0,30}")
STORED = re.compile(r"[0-9a-f]{64}x?")
"""How the store names a file: its digest, with "x" appended for the executable variant."""
_LAST_MOMENT = 1e11
"""Some thousand years from now: milliseconds are no seconds."""
COLOURS = ("blue", "green")


class Request:
    """One line of JSON, as an object."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    @property
    def app(self) -> str:
        """The app that is meant; empty where the host as a whole is."""
        name = self.text("app", "")
        return self._matching("app", APP) if name else ""

    @property
    def by(self) -> str:
        """Who asks, for the history."""
        return self.text("by", "")[:200]

    @property
    def change(self) -> str:
        """The run of a command that this verb is part of; empty where nobody says."""
        return self._matching("change", CHANGE) if self.text("change", "") else ""

    @property
    def colour(self) -> str:
        """The pool that is meant."""
        if self.text("colour") not in COLOURS:
            raise UsageError(
                "the request is wrong", why=f"colour is {self.text('colour')!r}, not blue or green"
            )
        return self.text("colour")

    @property
    def host(self) -> str:
        """The inventory name that is meant: a file is called after it."""
        return self._matching("host", HOST)

    @property
    def release(self) -> str:
        """The release that is meant."""
        return self._matching("release", RELEASE)

    @property
    def node(self) -> str:
        """The Node version that is meant: a directory is called after it."""
        return self._matching("node", NODE)

    def about(self, release: str) -> Request:
        """The same for another release."""
        return Request({**self.fields, "release": release})

    def name(self, field: str) -> str:
        """The name of a worker or a cron entry; empty where none is given."""
        return self._matching(field, JOB) if self.text(field, "") else ""

    def digest(self, name: str) -> str:
        """A SHA-256 in hex."""
        return self._matching(name, DIGEST)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; required where it has no default."""
        value = self._field(name, str, default)
        if "\0" in value:
            raise UsageError("the request is wrong", why=f"{name} holds a null character")
        return str(value)

    def flag(self, name: str) -> bool:
        """True or false; false where it is absent."""
        return bool(self._field(name, bool, False))

    def count(self, name: str, default: int | None = None, *, most: int = 10**9) -> int:
        """A number of things: 0 to `most`."""
        value = self._field(name, int, default)
        if isinstance(value, bool) or not 0 <= value <= most:
            raise UsageError("the request is wrong", why=f"{name} is {value!r}, not 0 to {most}")
        return int(value)

    def seconds(self, name: str, *, most: float = 86400.0) -> float:
        """A length of time: 0 to `most` seconds."""
        value = self._field(name, (int, float), None)
        if isinstance(value, bool) or not 0 <= value <= most:
            raise UsageError("the request is wrong", why=f"{name} is {value!r}, not 0 to {most:g} seconds")
        return float(value)

    def moment(self, name: str) -> float | None:
        """A moment in seconds since the epoch; None where none is asked for, infinity for the latest."""
        value = self._field(name, (int, float, str, type(None)), None)
        if value is None:
            return None
        if value == "latest":
            return math.inf
        if isinstance(value, (str, bool)) or not 0 < value < _LAST_MOMENT:
            raise UsageError("the request is wrong", why=f"{name} is {value!r}, no moment")
        return float(value)

    def url_path(self, name: str) -> str:
        """The path of a URL on the app."""
        path = self.text(name)
        if not path.startswith("/") or any(
            ord(character) <= 32 or ord(character) > 126 for character in path
        ):
            raise UsageError("the request is wrong", why=f"{name} is {path[:100]!r}")
        return path

    def _matching(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise UsageError("the request is wrong", why=f"{name} is {value[:100]!r}, not {pattern.pattern}")
        return value

    def _field(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = self.fields.get(name)
        value = default if value is None else value
        if not isinstance(value, kind):
            seen = "is missing" if value is None else f"is {type(value).__name__}"
            raise UsageError("the request is wrong", why=f"{name} {seen}")
        return value


def parse(line: bytes) -> Request:
    """Read the request line.

    Raises:
        UsageError: not one JSON object.
        HostNotReady: a protocol that this agent does not speak.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError("the request is wrong", why=f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise UsageError("the request is wrong", why="not a JSON object")
    if fields.get("protocol") != PROTOCOL:
        why = f"the controller speaks protocol {fields.get('protocol')!r}, the agent protocol {PROTOCOL}"
        raise HostNotReady("the agent is of another version", why=why, next="vpsdeploy provision host")
    return Request(fields)
