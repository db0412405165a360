"""Redis in a backup: what a dump holds is read out of it, and its password is in no argument."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.agent.answers import Answers
from orchestrator.agent.backup import redis_dump, redis_restore
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError
from orchestrator.agent.programs import Finished
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd
from tests.unit.agent.conftest import Host

CHECKED = """\
[offset 0] Checking RDB file dump.rdb
[offset 94396] \\o/ RDB looks OK! \\o/
[info] 5021 keys read
[info] 20 expires
[info] 3 already expired
"""


class Programs:
    """redis-cli and redis-check-rdb."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.keys, self.version, self.checked = 5021, "7.0.15", Finished(0, CHECKED, "")

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """INFO answers; a dump is a file."""
        words = list(arguments)
        self.told.append(words)
        if words[0] == "redis-check-rdb":
            return self.checked
        if "--rdb" in words:
            Path(words[-1]).write_text("REDIS0010")
        answers = {
            "keyspace": f"# Keyspace\r\ndb0:keys={self.keys},expires=1,avg_ttl=0\r\n", "memory": "used_memory:1000\r\n",
            "server": f"redis_version:{self.version}\r\n",
        }  # fmt: skip
        return Finished(0, answers.get(words[-1], "OK\n"), "")


@pytest.fixture(name="programs")
def _programs() -> Programs:
    return Programs()


def call(host: Host, programs: Programs, **fields: object) -> Call:
    """A verb of the app's, on a host with Redis."""
    host.layout.services.mkdir(parents=True, exist_ok=True)
    (host.layout.services / "redis.env").write_text("REDISCLI_AUTH=canary\nREDIS_USER=vpsdeploy\n")
    request = Request({"protocol": 1, "app": "shop", **fields})
    return Call(host.layout, Systemd(programs), request, Answers(1), Body(io.BytesIO()))


def dumped(keys: int = 5021, expires: int = 20, version: int = 7) -> Dumped:
    """A dump as a manifest has it."""
    about = {"version": f"{version}.0", "version_number": version, "expires": expires}
    return Dumped("redis", "redis", "redis/dump.rdb", 9, "0", 0.0, {"keys": keys}, about)


def test_a_dump_is_read_to_its_end(bare: Host, programs: Programs, tmp_path: Path) -> None:
    """Its keys are counted in the file, not in the server, which goes on."""
    made = redis_dump.dump(call(bare, programs), Service("redis", 6379, "", "shop"), tmp_path)
    assert (made.rows, made.about["expires"], made.about["version_number"]) == ({"keys": 5021}, 20, 7)
    programs.checked = Finished(1, "--- RDB ERROR DETECTED ---", "")
    with pytest.raises(BackupFailed) as failed:
        redis_dump.dump(call(bare, programs), Service("redis", 6379, "", "shop"), tmp_path)
    assert failed.value.what == "the dump is damaged"
    assert "canary" not in json.dumps(programs.told)


@pytest.mark.parametrize(("size", "is_whole"), [(5021, True), (5001, True), (5000, False), (5022, False)])
def test_keys_that_end_by_themselves_may_be_gone(size: int, is_whole: bool) -> None:
    """No others, and none may be there that the dump does not have."""
    if is_whole:
        redis_dump.compare(dumped(), size)
    else:
        with pytest.raises(BackupFailed):
            redis_dump.compare(dumped(), size)


@pytest.mark.parametrize(
    ("keys", "version", "fields", "said"),
    [
        (1, 7, {}, "in use"),
        (1, 8, {"force": True}, "older than the backup"),
        (0, 7, {"into": "x"}, "no databases"),
    ],
)
def test_data_in_use_are_not_replaced(
    bare: Host, programs: Programs, keys: int, version: int, fields: dict[str, object], said: str
) -> None:
    """Nor data of a newer server put into an older one."""
    programs.keys = keys
    with pytest.raises(UsageError) as refused:
        redis_restore.refuse(call(bare, programs, **fields), dumped(version=version))
    assert said in refused.value.what
    assert refused.value.state == "nothing was touched"


def test_an_empty_server_and_whoever_insists_are_not_refused(bare: Host, programs: Programs) -> None:
    """Nothing is lost, or it is kept first."""
    redis_restore.refuse(call(bare, programs, force=True), dumped())
    programs.keys = 0
    redis_restore.refuse(call(bare, programs), dumped())


class Asked:
    """A client of a server whose log of writes is written anew: its figures, one look after the other."""

    def __init__(self, looks: Sequence[tuple[str, str, str]], aof: str = "1") -> None:
        self.looks, self.aof, self.told, self.now = list(looks), aof, list[tuple[str, ...]](), 0.0

    def ask(self, *words: str) -> str:
        """Taken."""
        self.told.append(words)
        return "OK"

    def figure(self, _: str, name: str) -> str:
        """Of the look that it is time for; the last one lasts."""
        running, scheduled, status = self.looks[0]
        return {
            "master_link_status": "up", "aof_enabled": self.aof, "aof_rewrite_in_progress": running,
            "aof_rewrite_scheduled": scheduled, "aof_last_bgrewrite_status": status,
        }[name]  # fmt: skip

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.looks = self.looks[1:] or self.looks


SERVER = redis_dump.Server(7000, "canary", cast(redis_dump.Client, None))


@pytest.mark.parametrize(
    ("asked", "looks"),
    [
        (Asked([("0", "1", "ok"), ("1", "0", "ok"), ("0", "0", "err"), ("0", "0", "ok")]), 3),
        (Asked([("0", "0", "err")], aof="0"), 0),
    ],
)
def test_data_are_back_once_a_restart_would_bring_them(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, looks: int
) -> None:
    """Until its log of writes is new, Redis would start with the old data. Without one there is nothing to wait for."""
    monkeypatch.setattr(
        redis_restore, "time", SimpleNamespace(monotonic=lambda: asked.now, sleep=asked.sleep)
    )
    redis_restore._take_over(cast(redis_dump.Client, asked), SERVER)
    assert round(asked.now / 0.2) == looks
    assert ("REPLICAOF", "NO", "ONE") in asked.told


def test_a_log_that_is_never_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data are there until the next restart only."""
    asked = Asked([("0", "0", "err")])
    monkeypatch.setattr(
        redis_restore, "time", SimpleNamespace(monotonic=lambda: asked.now, sleep=asked.sleep)
    )
    with pytest.raises(BackupFailed, match="did not write its log of writes anew"):
        redis_restore._take_over(cast(redis_dump.Client, asked), SERVER)


def test_without_its_access_nobody_guesses(bare: Host, programs: Programs) -> None:
    """The role writes it down."""
    one = call(bare, programs)
    (bare.layout.services / "redis.env").unlink()
    with pytest.raises(BackupFailed):
        redis_dump.client(one)
