"""MongoDB's database as a file: what mongodump is given, and what of its archive is looked at."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.agent import programs
from orchestrator.agent.backup import transfer
from orchestrator.agent.body import Body
from orchestrator.agent.failures import AgentError, UsageError
from orchestrator.agent.mongodb_scripts import MARK
from orchestrator.agent.programs import Finished
from tests.unit.agent.conftest import Host
from tests.unit.agent.test_mongodb import SETTINGS, TOLD

ARCHIVE = gzip.compress(bytes.fromhex("6de29981") + b"what the database holds" * 50_000, mtime=0)


class Tool:
    """mongodump: writes this and ends so."""

    def __init__(self) -> None:
        self.content, self.code, self.errors = ARCHIVE, 0, ""
        self.given: list[str] = []

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """Stand in for it."""
        self.given = list(arguments)
        Path(self.given[-1].removeprefix("--archive=")).write_bytes(self.content)
        return Finished(self.code, "", self.errors)


@pytest.fixture(name="tool")
def _tool(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Tool:
    made = Tool()
    monkeypatch.setattr(programs, "run", made)
    monkeypatch.setattr(programs, "fed", lambda *_: Finished(0, f"{MARK}{json.dumps(TOLD)}\n", ""))
    bare.layout.services.mkdir(parents=True)
    (bare.layout.services / "mongodb.json").write_text(json.dumps(SETTINGS))
    return made


def test_a_dump_is_handed_out_once_it_was_read_to_its_end(bare: Host, tool: Tool) -> None:
    """Of the app's database alone; the login is in a file of root's."""
    assert b"".join(transfer.taken(bare.given())) == ARCHIVE
    assert tool.given[:-1] == [
        "mongodump", "--quiet", f"--config={bare.layout.services}/mongodb.yml", "--db=shop", "--gzip"
    ]  # fmt: skip
    assert not Path(tool.given[-1].removeprefix("--archive=")).exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (ARCHIVE[:-9], "EOFError"),
        (ARCHIVE[:100] + b"\x00" * 9 + ARCHIVE[109:], "Error"),
        (b"", "it begins with nothing"),
        # No time in it: it is part of the test's name, which two workers have to agree on.
        (gzip.compress(b"something else", mtime=0), "it begins with 736f6d65"),
        (b"no archive at all", "BadGzipFile"),
    ],
)
def test_one_that_is_not_whole_is_none(bare: Host, tool: Tool, content: bytes, why: str) -> None:
    """Cut short, damaged, or of something else."""
    tool.content = content
    with pytest.raises(AgentError) as failed:
        list(transfer.taken(bare.given()))
    assert why in failed.value.why


def test_what_mongodump_says_is_told_without_a_password(bare: Host, tool: Tool) -> None:
    """Its last words."""
    tool.code, tool.errors = 1, "first"
    with pytest.raises(AgentError, match="mongodump failed"):
        list(transfer.taken(bare.given()))
    word = (bare.layout.services / "mongodb.env").read_text().rpartition("=")[2].strip()
    tool.errors = f"Failed: can't connect to mongodb://vpsdeploy:{word}@127.0.0.1"
    with pytest.raises(AgentError) as failed:
        list(transfer.taken(bare.given()))
    assert failed.value.why == "Failed: can't connect to mongodb://vpsdeploy:[redacted]@127.0.0.1"


def test_nothing_is_loaded(bare: Host, tool: Tool) -> None:
    """Nobody has seen mongorestore do it: not a byte of the file is read."""
    with pytest.raises(UsageError, match="mongodb is loaded on its host"):
        transfer.put(bare.given(), Body(io.BytesIO(ARCHIVE)))
    assert tool.given == []
