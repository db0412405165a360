"""Debian's own entries among this machine's apt sources: both formats, pure text in, entries out.

Source: sources.list(5).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from orchestrator.errors import SandboxError

ARCHIVE_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Options that say how to trust or reach a mirror; the rest (architectures, languages, …) is the machine's own business.
_OPTIONS = ("signed-by", "trusted", "allow-insecure", "allow-weak", "check-valid-until", "check-date")
_SUITE = re.compile(r"(buster|bullseye|bookworm|trixie|forky|stable|oldstable|testing)(-security|-updates)?")


@dataclass(frozen=True, slots=True)
class Source:
    """One archive of Debian: a mirror, its suite after the code name ("", "-security", "-updates"), its components."""

    uri: str
    pocket: str
    components: tuple[str, ...] = ("main",)
    options: tuple[tuple[str, str], ...] = (("signed-by", ARCHIVE_KEYRING),)

    def line(self, suite: str) -> str:
        """In one-line format, for one Debian version."""
        options = " ".join(f"{name}={value}" for name, value in self.options)
        return f"deb [{options}] {self.uri} {suite}{self.pocket} {' '.join(self.components)}"


def debian_sources(files: Mapping[str, str]) -> tuple[Source, ...]:
    """Debian's archives as this machine reaches them.

    Args:
        files: Path to text of sources.list and of what is in sources.list.d.
    Raises: SandboxError: it names none, so there is nothing to make a Debian host from (an Ubuntu machine, say).
    """
    found: dict[tuple[str, str], Source] = {}
    for path, text in sorted(files.items()):
        for source in _deb822(text) if path.endswith(".sources") else _one_line(text):
            found.setdefault((source.uri, source.pocket), source)
    pockets = {source.pocket for source in found.values()}
    if "" not in pockets:
        raise SandboxError(
            "the sandbox cannot be made: this machine's apt names no Debian mirror",
            why=f"looked in {', '.join(sorted(files)) or 'no files: there are none'}",
            state="nothing was made",
            next="add an entry of a Debian mirror to /etc/apt/sources.list.d, then `vpsdeploy sandbox up`",
        )
    return tuple(found.values())


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = re.fullmatch(
            r"\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>[^#]*).*", line
        )
        if found:
            options = dict(item.split("=", 1) for item in shlex.split(found["options"] or "") if "=" in item)
            yield from _sources([found["uri"]], [found["suite"]], found["rest"].split(), options)


def _deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() not in (
            "no",
            "false",
            "0",
        ):
            words = {name: fields.get(name, "").split() for name in ("uris", "suites", "components")}
            yield from _sources(words["uris"], words["suites"], words["components"], fields)


def _fields(stanza: str) -> dict[str, str]:
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\n[ \t]+", "\n ", "\n".join(lines)).replace("\n ", " ")
    pairs = (line.partition(":") for line in joined.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _sources(
    uris: Iterable[str], suites: Iterable[str], components: Iterable[str], options: Mapping[str, str]
) -> Iterator[Source]:
    kept = _kept(options)
    for uri in uris:
        for suite in suites:
            match = _SUITE.fullmatch(suite)
            if match:
                wanted = tuple(components) or ("main",)
                yield replace(Source(uri, match[2] or ""), components=wanted, options=kept)


def _kept(options: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    named = {name.lower(): value for name, value in options.items()}
    # A key inside the file, or none at all: Debian's own keyring is what such an entry is checked against.
    if not named.get("signed-by", "").startswith("/"):
        named["signed-by"] = ARCHIVE_KEYRING
    return tuple((name, named[name]) for name in _OPTIONS if name in named)
