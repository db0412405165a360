"""What is at a path now and what should be there: the two sides that files.py compares."""

from __future__ import annotations

import grp
import hashlib
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy.host import HostError

UNKNOWN_ID = -2
"""Owner or group that does not exist yet: only met in check mode, and equal to nothing on a disk."""


@dataclass(frozen=True)
class Entry:
    """One path's state; kind is absent, file, directory, link or other."""

    kind: str
    content: bytes = b""
    target: str = ""
    mode: int = 0
    uid: int = 0
    gid: int = 0

    def attributes(self) -> str:
        """Kind, mode and owner as a line for a diff."""
        if self.kind == "link":
            return f"link to {self.target}\n"
        if self.kind == "absent":
            return ""
        return (
            f"{self.kind} {self.mode:04o} {_name(self.uid, pwd.getpwuid)}:{_name(self.gid, grp.getgrgid)}\n"
        )


ABSENT = Entry("absent")


def read(path: Path) -> Entry:
    """The state of a path on this host; links are not followed."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", target=str(path.readlink()))
    owner = {"mode": stat.S_IMODE(status.st_mode), "uid": status.st_uid, "gid": status.st_gid}
    if stat.S_ISDIR(status.st_mode):
        return Entry("directory", **owner)
    if not stat.S_ISREG(status.st_mode):
        return Entry("other", **owner)
    return Entry("file", content=path.read_bytes(), **owner)


def wanted(spec: dict[str, Any], content: bytes, check_mode: bool) -> Entry:
    """The state that a task asks for at one path."""
    kind = spec["state"]
    if kind == "absent":
        return ABSENT
    if kind == "link":
        return Entry("link", target=spec["target"])
    uid = _id(spec["owner"], lambda name: pwd.getpwnam(name).pw_uid, "user", check_mode)
    gid = _id(spec["group"], lambda name: grp.getgrnam(name).gr_gid, "group", check_mode)
    return Entry(kind, content=content, mode=int(spec["mode"], 8), uid=uid, gid=gid)


def diff(path: Path, before: Entry, after: Entry, secret: bool) -> dict[str, str]:
    """What --diff shows; never the content of a secret or of a binary file."""
    texts = [entry.attributes() + _shown(entry, secret) for entry in (before, after)]
    return {"before_header": str(path), "after_header": str(path), "before": texts[0], "after": texts[1]}


def _shown(entry: Entry, secret: bool) -> str:
    if not entry.content:
        return ""
    if secret:
        return "(content hidden)\n"
    try:
        return entry.content.decode()
    except UnicodeDecodeError:
        return f"(binary, sha256 {hashlib.sha256(entry.content).hexdigest()})\n"


def _id(name: str, lookup: Any, kind: str, check_mode: bool) -> int:
    try:
        return int(lookup(name))
    except KeyError as error:
        if check_mode:
            return UNKNOWN_ID
        raise HostError(f"there is no {kind} {name!r} on this host") from error


def _name(number: int, lookup: Any) -> str:
    if number == UNKNOWN_ID:
        return "(to be made)"
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)
