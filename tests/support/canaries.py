"""Secret values that are looked for afterwards, in every form that a careless program might give them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.repeatedly import repeatedly

_PAUSE_SECONDS = 0.01
_MOST_BYTES = 64 << 20


class Canaries:
    """Values of every kind, each with a word in it that occurs nowhere else.

    Args:
        word: One that is looked for; by default a new one. Such as a password that provisioning made for a service.
    """

    def __init__(self, word: str = "") -> None:
        self.word = word or f"canary{secrets.token_hex(12)}"
        word = self.word
        self.values: Mapping[str, str] = {
            "S_PLAIN": word, "S_LINES": f"-----BEGIN KEY-----\n{word}\n-----END KEY-----\n",
            "S_QUOTES": f"a'b\"c`d\\$e #{word}#%i ${{HOME}} \\n", "S_UNICODE": f"ü€😀{word}",
            "S_SPACES": f"  {word} \t", "S_URL": f"postgres://u:{word}@db/x?y=1&z=%20", "S_EMPTY": "",
            "S_LARGE": (word + "\n") * (65536 // (len(word) + 1)),
        }  # fmt: skip

    @property
    def digests(self) -> dict[str, str]:
        """What the test app says of its environment."""
        return {n: hashlib.sha256(v.encode()).hexdigest()[:16] for n, v in sorted(self.values.items())}

    @property
    def forms(self) -> tuple[str, ...]:
        """The word as it is (URL-encoding leaves it), in hex, and in base64 at each of its three alignments."""
        shifted = (base64.b64encode(b"x" * n + self.word.encode()).decode() for n in range(3))
        return (self.word, self.word.encode().hex(), *(text[4:-4] for text in shifted))

    def found_in(self, content: bytes) -> bool:
        """Whether one of the forms is there, in letters of either case."""
        lower = content.lower()
        return any(form.encode() in content or form.lower().encode() in lower for form in self.forms)

    def files_below(self, *roots: Path) -> list[str]:
        """Files that hold one, or are named so."""
        paths = (
            path for root in roots for path in root.rglob("*") if path.is_file() and not path.is_symlink()
        )
        return [str(p) for p in paths if self.found_in(str(p).encode()) or self.found_in(_content(p))]

    @contextlib.contextmanager
    def watched_for(self) -> Iterator[list[str]]:
        """Look at every process of this machine, those of its containers too, while the block runs.

        Yields: Command lines with a form in them, and environments of processes that are in no container: there,
        the app's own has them and nobody but it and root can read that.
        """
        seen: list[str] = []
        with repeatedly(lambda: self._look(seen), _PAUSE_SECONDS):
            yield seen

    def _look(self, seen: list[str]) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes()
                if self.found_in(command):
                    seen.append(command.decode(errors="replace"))
                inside = len(_pids(process)) > 1
                if not inside and self.found_in((process / "environ").read_bytes()):
                    seen.append(f"environment of {command.decode(errors='replace')}")


def _pids(process: Path) -> list[str]:
    """A process of a container has one in each of its namespaces."""
    lines = (process / "status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith("NSpid:"))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""
