"""restic in memory: repositories that can be unreachable, full, damaged, of another password; files are real."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.agent.programs import Finished

REFUSED = "Fatal: wrong password or no key found"
ABSENT = "Fatal: unable to open config file\nIs there a repository at the following location?\n/mnt/x"


class Repositories:
    """Every target, by its address.

    Attributes:
        broken: What a command says instead of working, by its name.
        made: Snapshots by repository, oldest first: their time, paths, and a copy of their files.
        told: Every command, with its arguments.
    """

    def __init__(self, copies: Path) -> None:
        self.copies = copies
        self.broken: dict[str, str] = {}
        self.made: dict[str, list[dict[str, Any]]] = {}
        self.told: list[list[str]] = []
        self.clock = 0
        self.unread: list[str] = []
        self.locked = False

    def run(self, arguments: Sequence[str]) -> Finished:
        """One call of restic, as the agent makes it: timeout, env and options before it."""
        words = list(arguments)
        place = next(w.partition("=")[2] for w in words if w.startswith("RESTIC_REPOSITORY="))
        words = words[words.index("restic") + 1 :]
        while words[0] == "-o":
            words = words[2:]
        self.told.append(words)
        if said := self.broken.get(words[0]) or self.broken.get(f"{words[0]} {place}"):
            return Finished(1, "", said)
        if words[0] == "unlock":
            self.locked = False
        if self.locked and words[0] not in ("cat", "init"):
            return Finished(1, "", "unable to create lock in backend: repository is already locked by PID 7")
        if words[0] != "init" and place not in self.made:
            return Finished(1, "", ABSENT)
        act = getattr(self, f"_{words[0]}", None)
        return act(place, words[1:]) if act else Finished(0, "", "")

    def names(self) -> list[str]:
        """The commands, in order."""
        return [words[0] for words in self.told]

    def _init(self, place: str, _: list[str]) -> Finished:
        self.made[place] = []
        return Finished(0, "created", "")

    def _backup(self, place: str, words: list[str]) -> Finished:
        paths = words[words.index("--") + 1 :]
        self.clock += 1
        name = f"{self.clock:08x}"
        for path in paths:
            self._copy(Path(path), self.copies / name / path.lstrip("/"))
        files = [path for path in (self.copies / name).rglob("*") if path.is_file()]
        tags = [words[n + 1] for n, word in enumerate(words) if word == "--tag"]
        self.made[place].append(
            {"short_id": name, "time": f"2026-11-26T03:00:{self.clock:02}Z", "paths": paths, "tags": tags}
        )
        told = {
            "message_type": "summary", "snapshot_id": name * 8, "total_files_processed": len(files),
            "total_bytes_processed": sum(path.stat().st_size for path in files), "data_added": 1,
        }  # fmt: skip
        errors = [json.dumps({"message_type": "error", "item": path}) for path in self.unread]
        return Finished(3 if errors else 0, json.dumps(told), "\n".join(errors))

    def _forget(self, place: str, words: list[str]) -> Finished:
        self.made[place] = [one for one in self.made[place] if one["short_id"] not in words]
        return Finished(0, "", "")

    @staticmethod
    def _copy(path: Path, to: Path) -> None:
        if path.is_dir():
            shutil.copytree(path, to)
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, to)

    def _snapshots(self, place: str, _: list[str]) -> Finished:
        return Finished(0, json.dumps(self.made[place]), "")

    def _restore(self, place: str, words: list[str]) -> Finished:
        into = Path(words[words.index("--target") + 1])
        source = self.copies / words[0]
        wanted = [words[n + 1] for n, word in enumerate(words) if word == "--include"]
        for path in source.rglob("*"):
            inside = f"/{path.relative_to(source)}"
            if path.is_file() and (
                not wanted or any(inside == w or inside.startswith(f"{w}/") for w in wanted)
            ):
                target = into / inside.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
        return Finished(0, "", "")

    def _ls(self, place: str, words: list[str]) -> Finished:
        source = self.copies / next(word for word in words if not word.startswith("-"))
        nodes = [
            {"struct_type": "node", "path": f"/{path.relative_to(source)}", "type": "dir" if path.is_dir() else "file",
             "size": path.stat().st_size} for path in sorted(source.rglob("*"))
        ]  # fmt: skip
        return Finished(0, "\n".join(map(json.dumps, nodes)), "")
