"""A PostgreSQL server that archives its log: what the agent asks of it, with files that say what real ones say."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.agent.backup import wal
from orchestrator.agent.backup.wal import Segment
from orchestrator.agent.programs import Finished

NEVER = ("0", "0", "")


class Server:
    """The server.

    Attributes:
        number: Of the segment that it writes into.
        system: Its identifier.
        broken: Why it does not answer; empty where it does.
        archives: Whether its archive command works.
        now: Its clock (seconds since the epoch).
    """

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.number, self.system, self.xid = 3, 7, 700
        self.broken, self.mode, self.archives, self.failed = "", "on", True, NEVER
        self.now = 1_764_144_000.0
        self.clients = "0"

    def write(self) -> None:
        """Something is committed."""
        self.xid += 1
        self.now += 1

    def archive(self) -> str:
        """The open segment ends, and goes into the spool. Returns: its name."""
        one = Segment(1, self.number)
        self.number += 1
        if self.archives:
            self.spool.mkdir(parents=True, exist_ok=True)
            (self.spool / one.name).write_bytes(page(one, self.system))
            os.truncate(self.spool / one.name, wal.SEGMENT_BYTES)
        return one.name

    def run(self, arguments: Sequence[str]) -> Finished:
        """psql or pg_basebackup, as the agent calls them."""
        if self.broken:
            return Finished(2, "", self.broken)
        if "pg_basebackup" in arguments:
            return self._base(arguments)
        return Finished(0, self._answer(arguments[-1]), "")

    def _answer(self, statement: str) -> str:
        self.now += 1
        known: dict[str, Callable[[], str]] = {
            "pg_stat_archiver": lambda: "\x1f".join([str(self.system), self.mode, "16MB", *self.failed]),
            "pg_current_snapshot": lambda: f"{self.xid + 1}:{self.xid + 1}:",
            "clock_timestamp": lambda: str(self.now), "pg_current_xact_id": self._mark,
            "SHOW server_version_num": lambda: "170002",
            "pg_switch_wal": lambda: f"{self.archive()}\x1f0/0",
            "pg_tablespace": lambda: "\x1f".join([str(self.system), "170002", "1000", "0"]),
        }  # fmt: skip
        return next((answer() for sign, answer in known.items() if sign in statement), "")

    def _mark(self) -> str:
        self.write()
        return str(self.xid)

    def _base(self, arguments: Sequence[str]) -> Finished:
        place = Path(next(word.partition("=")[2] for word in arguments if word.startswith("--pgdata=")))
        place.mkdir()
        (place / "PG_VERSION").write_text("17\n")
        at = f"0/{self.number * wal.SEGMENT_BYTES + 40:X}"
        end = f"0/{self.number * wal.SEGMENT_BYTES + 400:X}"
        told = {"WAL-Ranges": [{"Timeline": 1, "Start-LSN": at, "End-LSN": end}]}
        (place / "backup_manifest").write_text(json.dumps(told))
        self.write()
        return Finished(0, "", "")


def page(segment: Segment, system: int) -> bytes:
    """The beginning of a segment's first page."""
    address = segment.number * wal.SEGMENT_BYTES
    return struct.pack(
        "<HHIQI4xQII", 0xD116, 2, segment.timeline, address, 0, system, wal.SEGMENT_BYTES, 8192
    )
