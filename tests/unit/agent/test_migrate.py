"""migrate: once for each release, whatever is lost in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.agent.programs import Finished
from orchestrator.agent.verbs import migrate
from tests.unit.agent.conftest import BLUE, GREEN, RELEASES, Host

COMMAND = 'prisma migrate deploy && echo "$DONE"'
UNIT = f"vpsdeploy-migrate-shop-{RELEASES[0]}.service"


class Units:
    """A systemd in which a migration ends as it is told to."""

    def __init__(self, host: Host) -> None:
        self._inner = host.systemd
        self.ends: list[tuple[str, str, str, str]] = []
        self.begun: list[list[str]] = []
        self.loaded: dict[str, tuple[str, str, str, str]] = {}
        self.output = "one\ntwo"

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """Units of migrations are ours, the rest is the other fake's."""
        words = list(arguments)
        if words[0] == "systemd-run" and any("--unit=vpsdeploy-migrate" in word for word in words):
            self.begun.append(words)
            name = next(word for word in words if word.startswith("--unit=")).removeprefix("--unit=")
            self.loaded[f"{name}.service"] = (
                self.ends.pop(0) if self.ends else ("active", "exited", "success", "0")
            )
            return Finished(0, "", "")
        if words[:2] == ["systemctl", "show"] and words[-1].startswith("vpsdeploy-migrate"):
            state = self.loaded.get(words[-1], ("inactive", "dead", "success", "0"))
            is_loaded = "loaded" if words[-1] in self.loaded else "not-found"
            fields = dict(zip(("ActiveState", "SubState", "Result", "ExecMainStatus"), state, strict=True))
            lines = {"Id": words[-1], "LoadState": is_loaded, **fields}
            return Finished(0, "\n".join(f"{key}={value}" for key, value in lines.items()), "")
        if words[:2] == ["systemctl", "stop"] and words[-1].startswith("vpsdeploy-migrate"):
            self.loaded.pop(words[-1], None)
            return Finished(0, "", "")
        if words[0] == "journalctl" and "--show-cursor" in words:
            place = "" if any(word.startswith("--after-cursor") for word in words) else self.output + "\n"
            return Finished(0, f"{place}-- cursor: c1\n", "")
        if words[0] == "journalctl" and "--sync" not in words:
            return Finished(0, self.output, "")
        return self._inner(words)


@pytest.fixture(name="units")
def _units(host: Host, monkeypatch: pytest.MonkeyPatch) -> Units:
    monkeypatch.setattr(migrate, "_POLL_SECONDS", 0.0)
    host.app.unit_file.write_text("[Service]\nUser=shop\nNoNewPrivileges=yes\nRestart=always\n")
    units = Units(host)
    host.systemd = units  # type: ignore[assignment] # it stands in for it
    return units


def ship(host: Host, release: str = RELEASES[0], **more: Any) -> None:
    """A release with a migration."""
    asked = {"command": COMMAND, "timeout_seconds": 60, "irreversible": False, **more}
    assert "kind" not in host.ship(release, migrate=asked)


def test_it_runs_as_the_app_in_the_release_with_its_own_limit(host: Host, units: Units) -> None:
    """User, sandbox, directory and env are the app's; nothing of a service's life is."""
    ship(host)
    assert host.call("migrate", release=RELEASES[0])["ran"] is True
    (words,) = units.begun
    properties = {word.removeprefix("--property=") for word in words if word.startswith("--property=")}
    assert {"User=shop", "NoNewPrivileges=yes", "RuntimeMaxSec=60", "RemainAfterExit=yes"} <= properties
    assert f"WorkingDirectory={host.app.release(RELEASES[0])}/app" in properties
    assert "Restart=always" not in properties
    assert words[-3:-1] == ["/bin/sh", "-c"]
    assert words[-1].endswith(COMMAND.replace("$", "$$"))
    assert f"/srv/shop/releases/{RELEASES[0]}/app/node_modules/.bin:" in words[-1]


def test_its_output_is_told_and_its_env_is_gone(host: Host, units: Units) -> None:
    """Each line once; no file with secrets stays."""
    ship(host)
    host.call("migrate", release=RELEASES[0])
    assert [line["line"] for line in host.lines if line["event"] == "progress"] == ["one", "two"]
    assert not list(host.layout.run.glob("*.env"))
    assert units.loaded == {}


def test_it_runs_once_for_a_release(host: Host, units: Units) -> None:
    """The second answer may be to one whose first answer was lost."""
    ship(host)
    assert [host.call("migrate", release=RELEASES[0])["ran"] for _ in range(2)] == [True, False]
    assert len(units.begun) == 1
    ship(host, RELEASES[1])
    assert host.call("migrate", release=RELEASES[1])["ran"] is True


def test_one_that_runs_already_is_waited_for(host: Host, units: Units) -> None:
    """The agent that began it was killed: its unit went on, and nobody starts another."""
    ship(host)
    units.ends = [("failed", "failed", "exit-code", "1")]
    host.call("migrate", release=RELEASES[0])
    record = host.app.migrations_file
    record.write_text(record.read_text().splitlines()[0] + "\n")
    units.loaded[UNIT] = ("active", "exited", "success", "0")
    assert host.call("migrate", release=RELEASES[0])["ran"] is True
    assert len(units.begun) == 1


def test_a_failure_has_the_exit_code_and_the_last_lines(host: Host, units: Units) -> None:
    """And the same again when asked again, without a second run."""
    ship(host)
    units.ends = [("failed", "failed", "exit-code", "3")]
    for _ in range(2):
        answer = host.call("migrate", release=RELEASES[0])
        assert (answer["kind"], answer["what"]) == ("ReleaseFailed", "the migration failed")
        assert answer["why"] == f"{COMMAND} ended with exit status 3; its last lines:\none\ntwo"
    assert len(units.begun) == 1
    assert host.call("facts")["migrations"][0]["state"] == "failed"


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (("failed", "failed", "timeout", "0"), "was ended after 60 s (migrate.timeout_seconds)"),
        (("failed", "failed", "oom-kill", "9"), "was ended by systemd: oom-kill"),
        (("failed", "failed", "signal", "15"), "was ended by systemd: signal"),
    ],
)
def test_how_it_ended_is_said(host: Host, units: Units, end: tuple[str, str, str, str], why: str) -> None:
    """A limit, the memory, somebody's signal."""
    ship(host)
    units.ends = [end]
    assert why in host.call("migrate", release=RELEASES[0])["why"]


def test_one_that_was_cut_off_is_not_run_again(host: Host, units: Units) -> None:
    """The host was started again: nobody knows how far it came."""
    ship(host)
    host.call("migrate", release=RELEASES[0])
    record = host.app.migrations_file
    record.write_text(record.read_text().splitlines()[0] + "\n")
    assert "it was cut off" in host.call("migrate", release=RELEASES[0])["why"]
    assert len(units.begun) == 1


def test_another_release_waits_for_one_that_still_runs(host: Host, units: Units) -> None:
    """Its end goes on record first; then ours runs."""
    ship(host)
    ship(host, RELEASES[1])
    host.call("migrate", release=RELEASES[0])
    record = host.app.migrations_file
    record.write_text(record.read_text().splitlines()[0] + "\n")
    units.loaded[UNIT] = ("active", "exited", "success", "0")
    host.call("migrate", release=RELEASES[1])
    states = {line["release"]: line["state"] for line in host.call("facts")["migrations"]}
    assert states == {RELEASES[0]: "succeeded", RELEASES[1]: "succeeded"}


def test_other_hosts_note_it_and_never_unlearn_it(host: Host, units: Units) -> None:
    """A note after the run changes nothing."""
    ship(host, irreversible=True)
    host.call("migrated", release=RELEASES[1], irreversible=True)
    host.call("migrate", release=RELEASES[0])
    host.call("migrated", release=RELEASES[0], irreversible=False)
    told = {
        line["release"]: (line["state"], line["irreversible"]) for line in host.call("facts")["migrations"]
    }
    assert told == {RELEASES[0]: ("succeeded", True), RELEASES[1]: ("noted", True)}
    assert units.begun


def test_a_release_without_a_migration_is_refused(host: Host) -> None:
    """A plan that asks for it is wrong."""
    host.ship(RELEASES[0])
    assert host.call("migrate", release=RELEASES[0])["kind"] == "UsageError"


@pytest.mark.parametrize(
    "wrong",
    [
        {"command": "a\nb"}, {"command": ""}, {"command": 7}, {"timeout_seconds": 0}, {"timeout_seconds": True},
        {"irreversible": "yes"},
    ],
)  # fmt: skip
def test_settings_of_a_migration_are_checked(host: Host, wrong: dict[str, Any]) -> None:
    """They end up in a unit."""
    asked = {"command": COMMAND, "timeout_seconds": 60, "irreversible": False, **wrong}
    assert host.ship(RELEASES[0], migrate=asked)["kind"] == "UsageError"


def test_a_timer_that_goes_back_says_what_it_crosses(host: Host) -> None:
    """The controller is gone: the history is what is left to say it."""
    host.live(RELEASES[0], BLUE)
    host.call("flip", colour=GREEN, confirm_seconds=0, across=RELEASES[1])
    host.words(["return", "--request", '{"protocol":1,"app":"shop"}'])
    (line,) = host.call("history", lines=1)["lines"]
    assert line["figures"]["across_irreversible_migration_of"] == RELEASES[1]
