"""One repository of this host, asked through restic. What it says is read, never guessed: versions differ.

Debian 12 has 0.14, which tells causes in words alone; 0.17 and later in exit codes, too.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import space
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.programs import Finished

_PROBE_SECONDS = 90
"""How long a target may take to answer the first question; restic itself would try for a quarter of an hour."""

_S3_SECONDS = 30
"""The same of S3, where newer ones ask again and again whatever was answered: also with a key that is refused."""

_TIME_IS_UP = (124, 137)
"""Exit codes of `timeout`. Source: timeout(1), EXIT STATUS."""

_INCOMPLETE = 3
"""Exit code of a backup that could not read everything. Source: restic, docs 075_scripting."""

WAL = ".wal"
"""Beside a host's repository of backups: the one of PostgreSQL's base backups and its log. No host ends so."""

MISSING = "there is no repository"
_LOCKED = "is already locked"
_NO_SPACE = "no space left on device"
NO_BUCKET = "the bucket does not exist"
_CAUSES = (
    ("wrong password or no key found", "the repository has another password"),
    (_NO_SPACE, "the target is full"),
    (_LOCKED, "somebody else is at the repository"),
    ("disk quota exceeded", "the target is full"),
    ("host key verification failed", "the target's host key is not the one in vpsdeploy.yml"),
    ("signature we calculated does not match", "the target refuses us"),
    ("access key id you provided does not exist", "the target refuses us"),
    ("permission denied", "the target refuses us"),
    ("access denied", "the target refuses us"),
    ("bucket does not exist", NO_BUCKET),
    (
        "certificate signed by unknown authority",
        "nobody that the host trusts has signed the target's certificate",
    ),
    ("connection refused", "the target cannot be reached"),
    ("unable to start the sftp session", "the target cannot be reached"),
    ("no route to host", "the target cannot be reached"),
    ("network is unreachable", "the target cannot be reached"),
    ("no such host", "the target cannot be reached"),
    ("server misbehaving", "the target cannot be reached"),
    ("could not resolve hostname", "the target cannot be reached"),
    ("i/o timeout", "the target cannot be reached"),
    ("is there a repository at the following location", MISSING),
    ("unable to open config file", MISSING),
    ("repository does not exist", MISSING),
)
"""What restic says, and what it means. It asks for a repository whatever kept it from looking: so that comes last."""

_PATIENCE = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o",
             "ServerAliveCountMax=4", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes")  # fmt: skip


class Snapshot(NamedTuple):
    """One backup, as the repository has it.

    Attributes:
        id: In hex, shortened as restic does.
        time: ISO 8601, as restic writes it.
        paths: Directories that it holds.
    """

    id: str
    time: str
    paths: tuple[str, ...]
    tags: tuple[str, ...]


class Repository:
    """The repository at one target.

    Args:
        call: For the app.
        settings: Its backups.
        name: Of the target.
        beside: What the place of another repository ends with, beside the backups' own: WAL, or nothing.
    """

    def __init__(self, call: Call, settings: Settings, name: str, *, beside: str = "") -> None:
        self._call, self.name, self._host = call, name, settings.name
        self._target = settings.targets[name]
        self._place = f"{self._target['repository']}{beside}"

    def probe(self) -> None:
        """See that a target answers which restic itself would ask for a quarter of an hour.

        Raises: BackupFailed: it does not; `why` says what it answered.
        """
        if self._target["kind"] == "s3":
            done = self._run(["cat", "config"], seconds=_S3_SECONDS)
            self._checked(done, "the repository cannot be opened")

    def exists(self) -> bool:
        """Whether there is one: what cannot be reached is not taken for empty.

        Raises: BackupFailed: nobody knows.
        """
        is_s3 = self._target["kind"] == "s3"
        done = self._run(["cat", "config"], seconds=_S3_SECONDS if is_s3 else _PROBE_SECONDS)
        if done.code in (0, *_TIME_IS_UP) or cause(done) != MISSING:
            self._checked(done, "the repository cannot be opened")
            return True
        return False

    def make(self) -> None:
        """Make it, encrypted with the password that the host was given."""
        self._checked(self._run(["init", "--repository-version", "2"]), "the repository cannot be made")

    def backup(
        self, paths: Sequence[str], exclude: Sequence[str], tags: Sequence[str], *, anew: bool = False
    ) -> dict[str, Any]:  # fmt: skip
        """Make a snapshot; `anew`: without looking for what the last one has read already, where all files are new.

        Returns: restic's summary, with `unread`: files that it could not read.
        """
        words = ["backup", "--json", "--host", self._host, *(["--force"] if anew else [])]
        words += [word for tag in tags for word in ("--tag", tag)]
        words += [word for pattern in exclude for word in ("--exclude", pattern)]
        done = self._run([*words, "--", *paths])
        found = [line for line in _lines(done.output) if line.get("message_type") == "summary"]
        if done.code not in (0, _INCOMPLETE) or not found:
            self._checked(done._replace(code=done.code or 1), "the backup failed")
        unread = [
            str(line.get("item")) for line in _lines(done.errors) if line.get("message_type") == "error"
        ]
        return {**found[-1], "unread": unread}

    def snapshots(self) -> list[Snapshot]:
        """Those of this host, oldest first."""
        words = ["snapshots", "--json", "--no-lock", "--host", self._host]
        done = self._checked(self._run(words, seconds=_PROBE_SECONDS), "the snapshots cannot be listed")
        made = [
            Snapshot(one["short_id"], one["time"], tuple(one["paths"]), tuple(one.get("tags") or ()))
            for one in json.loads(done.output) or ()
        ]
        return sorted(made, key=lambda one: one.time)

    def forget(self, keep: dict[str, int]) -> None:
        """Let go of snapshots beyond what is kept, and give back their room."""
        kept_words = [
            word for unit, count in keep.items() if count for word in (f"--keep-{unit}", str(count))
        ]
        done = self._run(["forget", "--host", self._host, "--group-by", "host", "--prune", *kept_words])
        self._checked(done, "old snapshots cannot be removed")

    def drop(self, snapshots: Sequence[str]) -> None:
        """Let go of these snapshots, and give back their room."""
        self._checked(self._run(["forget", "--prune", *snapshots]), "old snapshots cannot be removed")

    def check(self, part: str) -> None:
        """Verify the repository's structure, and read some of its data.

        Args:
            part: As restic's --read-data-subset takes it; empty: all of it.
        Raises: BackupFailed: something is damaged, or it could not be read.
        """
        read = [f"--read-data-subset={part}"] if part else ["--read-data"]
        self._checked(self._run(["check", *read]), "the repository is damaged")

    def restore(self, snapshot: str, into: str, include: Sequence[str], *, verify: bool = True) -> None:
        """Write a snapshot's files below a directory, and compare what was written."""
        words = [word for path in include for word in ("--include", path)]
        done = self._run(["restore", snapshot, "--target", into, *words, *(["--verify"] if verify else [])])
        if done.code != 0 and into in done.errors and _NO_SPACE in done.errors.lower():
            raise space.full(Path(into), f"the snapshot cannot be restored ({self.name})")
        self._checked(done, "the snapshot cannot be restored")

    def listing(self, snapshot: str, below: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The files of a snapshot: path, type, size, mtime."""
        done = self._checked(
            self._run(["ls", "--json", "--no-lock", snapshot, *below]), "the snapshot cannot be read"
        )  # fmt: skip
        return [line for line in _lines(done.output) if line.get("struct_type") == "node"]

    def _run(self, words: Sequence[str], *, seconds: int = 0) -> Finished:
        """One call; once more where an interrupted run has left its lock.

        Each call costs half a second (the repository's key derivation), so nothing is asked beforehand. `unlock`
        removes only locks whose process is gone: one that somebody else holds stays.
        """
        done = self._once(words, seconds)
        if done.code != 0 and _LOCKED in done.errors.lower() and self._once(["unlock"], 0).code == 0:
            return self._once(words, seconds)
        return done

    def _once(self, words: Sequence[str], seconds: int) -> Finished:
        limit = ["timeout", "--kill-after=10", str(seconds)] if seconds else []
        return self._call.systemd.program(
            [*limit, "env", *self._environment(), "restic", *self._options(), *words]
        )

    def _environment(self) -> list[str]:
        """Places of keys, never keys: an environment is no place for them either."""
        app = self._call.app
        pairs = {
            "RESTIC_REPOSITORY": self._place,
            "RESTIC_PASSWORD_FILE": str(kept.key_file(self._call, kept.PASSWORD)),
            "RESTIC_CACHE_DIR": str(app.backup_cache), "RESTIC_PROGRESS_FPS": "0.1",
        }  # fmt: skip
        if self._target["kind"] == "s3":
            pairs["AWS_SHARED_CREDENTIALS_FILE"] = str(kept.key_file(self._call, f"{self.name}.s3"))
        return [f"{name}={value}" for name, value in pairs.items()]

    def _options(self) -> list[str]:
        if self._target["kind"] != "sftp":
            return []
        key, known = (kept.key_file(self._call, name) for name in (kept.SSH_KEY, kept.KNOWN_HOSTS))
        login = f"{self._target['user']}@{self._target['host']}"
        port = str(self._target["port"])
        files = ("-i", str(key), "-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=/dev/null")
        command = shlex.join(["ssh", "-p", port, *files, *_PATIENCE, login, "-s", "sftp"])
        return ["-o", f"sftp.command={command}"]

    def _checked(self, done: Finished, what: str) -> Finished:
        if done.code != 0:
            raise BackupFailed(f"{what} ({self.name})", why=explained(done), state="", next=_advice(done))
        return done


def cause(done: Finished) -> str:
    """What an answer means; empty where we know no better than restic."""
    said = f"{done.errors}\n{done.output}".lower()
    return next((meaning for sign, meaning in _CAUSES if sign in said), "")


def explained(done: Finished) -> str:
    """The cause in our words, then in restic's."""
    known = cause(done)
    if done.code in _TIME_IS_UP and known in ("", MISSING):
        return "the target cannot be reached: no answer in time"
    said = [
        line.strip() for line in (done.errors.strip() or done.output.strip()).splitlines() if line.strip()
    ]
    tail = "; ".join(said[-6:])[-1000:]
    return ": ".join(filter(None, (known, tail))) or f"restic ended with exit code {done.code}"


def _advice(done: Finished) -> str:
    found = cause(done)
    if found == MISSING:
        return "is the right disk mounted there? a repository that was there is never made anew by itself"
    if found == NO_BUCKET:
        return "make it where your provider lets you: one that is named wrongly must not come into being by itself"
    if found == "the target is full":
        return "vpsdeploy backup prune, or give the target more room"
    return "docs/runbooks/failing-backup.md"


def _lines(text: str) -> list[dict[str, Any]]:
    """The JSON objects among lines of text."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            found.append(value)
    return found
