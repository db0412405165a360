"""`vpsdeploy env apply` and secrets in a release, on a fleet in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import ConfigError, ReleaseFailed, UsageError
from orchestrator.model.fleet import Stage
from orchestrator.secret import KEY_VARIABLE, Secret
from orchestrator.transport import agent_pyz, http
from orchestrator.workflows import env, env_apply
from tests.support.changes import Silent, SilentProbe
from tests.support.fleet import APP, VERSION, FakeFleet, stage
from tests.unit.workflows.test_release_jobs import OLD, TWO, config, release

CONFIG = AppConfig.model_validate(
    {**config().model_dump(), "env": {"LOG_LEVEL": "info"}, "env_required": ("TOKEN",)}
)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(http, "Probe", SilentProbe)
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture(name="hosts")
def _hosts(tmp_path: Path) -> Stage:
    """A stage with a directory, where its secrets are."""
    made = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])
    return Stage(made.name, tmp_path / "hosts.yml", tmp_path / "known_hosts", made.hosts)


@pytest.fixture(name="fleet")
def _fleet() -> FakeFleet:
    """A fleet on which a release is live."""
    fleet = FakeFleet(TWO)
    release(fleet, OLD)
    fleet.calls.clear()
    return fleet


def _apply(fleet: FakeFleet, hosts: Stage) -> str:
    return env_apply.run(CONFIG, hosts, env_apply.Wish(), Silent(), lambda *_: fleet).release


def test_it_makes_a_release_of_the_live_one_with_the_secrets_of_today(fleet: FakeFleet, hosts: Stage) -> None:
    """Nothing is offered, sent or migrated; workers and cron entries change over as for any release."""
    env.put(CONFIG, hosts, {"TOKEN": Secret("hunter2")})
    new = _apply(fleet, hosts)
    for name in ("web-1", "web-2"):
        host = fleet.hosts[name]
        assert (host.current, host.jobs["release"]) == (new, new)
        assert host.settings[new]["secrets"] == ["TOKEN"]
        assert host.settings[new]["env"] == {"LOG_LEVEL": "info", "TOKEN": Secret("hunter2")}
    verbs = {verb for _, verb in fleet.calls}
    assert not verbs & {"offer", "receive", "install", "migrate"}
    assert {"assemble", "gate", "flip", "traffic", "confirm", "jobs", "drain", "prune"} <= verbs
    assert new.endswith(OLD[-8:])


def test_a_failed_gate_leaves_the_old_environment(fleet: FakeFleet, hosts: Stage) -> None:
    """An app that does not start with the new values is not let near users."""
    env.put(CONFIG, hosts, {"TOKEN": Secret("wrong")})

    def fail(host: str, verb: str) -> None:
        if verb == "gate":
            raise ReleaseFailed("health check failed", host=host)

    fleet.fail = fail
    with pytest.raises(ReleaseFailed) as caught:
        _apply(fleet, hosts)
    assert "nothing was flipped" in caught.value.state
    assert {fleet.hosts[name].current for name in ("web-1", "web-2")} == {OLD}


def test_without_a_live_release_there_is_nothing_to_apply_to(hosts: Stage) -> None:
    """The first one is a release's."""
    env.put(CONFIG, hosts, {"TOKEN": Secret("x")})
    with pytest.raises(UsageError, match="nothing to give an environment to"):
        _apply(FakeFleet(TWO), hosts)


def test_what_is_missing_is_said_before_any_host_is_asked(fleet: FakeFleet, hosts: Stage) -> None:
    """A required name, and the key."""
    with pytest.raises(ConfigError, match="production lacks TOKEN"):
        _apply(fleet, hosts)
    made = env.put(CONFIG, hosts, {"TOKEN": Secret("x")})
    Path(made.key_file).unlink()
    with pytest.raises(ConfigError, match="is not here"):
        _apply(fleet, hosts)
    assert fleet.calls == []


def test_the_history_names_the_command_and_no_value(fleet: FakeFleet, hosts: Stage) -> None:
    """As it names every change."""
    env.put(CONFIG, hosts, {"TOKEN": Secret("hunter2")})
    _apply(fleet, hosts)
    line = fleet.hosts["web-1"].history[-1]
    assert line["verb"] == "env apply"
    assert "hunter2" not in str(fleet.hosts["web-1"].history)


def test_an_app_of_this_test_has_jobs() -> None:
    """Else the change-over of jobs would not be tried."""
    assert CONFIG.app == APP
    assert CONFIG.workers
