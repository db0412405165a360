"""A release that is made of another one on the host, with an environment of its own."""

from __future__ import annotations

import json
import stat
from typing import Any

from tests.unit.agent.conftest import BLUE, RELEASES, Host

MIGRATE = {"command": "node migrate.js", "timeout_seconds": 60, "irreversible": False}


def _settings(host: Host, release: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((host.app.release(release) / "settings.json").read_text())
    return content


def test_it_has_the_files_and_settings_of_the_other_and_its_own_environment(host: Host) -> None:
    """The other one's values are not inherited, nor is its migration: that has run."""
    host.ship(RELEASES[0], env={"OLD": "1"}, secrets=["OLD"], migrate=MIGRATE, instances=1)
    answer = host.call(
        "assemble", release=RELEASES[1], made_of=RELEASES[0], env={"NEW": "2"}, secrets=["NEW"]
    )
    assert answer["release"] == RELEASES[1]
    old, new = (_settings(host, release) for release in RELEASES[:2])
    assert new.pop("env") == {"NEW": "2"}
    assert new.pop("secrets") == ["NEW"]
    assert new == {key: value for key, value in old.items() if key not in ("env", "secrets", "migrate")}
    one, other = (host.app.release(release) / "app/dist/main.js" for release in RELEASES[:2])
    assert one.stat().st_ino == other.stat().st_ino
    assert stat.S_IMODE((host.app.release(RELEASES[1]) / "settings.json").stat().st_mode) == 0o600


def test_its_instances_get_the_new_values_and_a_rollback_the_old_ones(host: Host) -> None:
    """The environment is the release's."""
    host.ship(RELEASES[0], env={"KEY": "old"})
    host.call("assemble", release=RELEASES[1], made_of=RELEASES[0], env={"KEY": "new"})
    for release, value in ((RELEASES[1], "new"), (RELEASES[0], "old")):
        host.call("start", release=release, colour=BLUE)
        file = host.app.slot(4001) / "env"
        assert f'KEY="{value}"' in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_same_again_is_no_error_and_another_environment_is(host: Host) -> None:
    """The first answer may have been lost."""
    host.ship(RELEASES[0])
    request: dict[str, Any] = {"release": RELEASES[1], "made_of": RELEASES[0]}
    first = host.call("assemble", **request, env={"A": "1"})
    assert host.call("assemble", **request, env={"A": "1"}) == first
    assert host.call("assemble", **request, env={"A": "2"})["what"] == "the release exists already"


def test_a_release_that_is_not_here_is_refused(host: Host) -> None:
    """Also a name that is no release's."""
    for name in (RELEASES[0], "../../etc"):
        answer = host.call("assemble", release=RELEASES[1], made_of=name, env={})
        assert (answer["what"], "is not on the host" in answer["why"]) == (
            "the release cannot be assembled",
            True,
        )


def test_a_damaged_store_makes_no_release(host: Host) -> None:
    """There is nobody to send the files again: a release does that."""
    host.ship(RELEASES[0])
    file = host.app.release(RELEASES[0]) / "app/dist/main.js"
    file.chmod(0o644)
    file.write_bytes(b"MAIN")
    answer = host.call("assemble", release=RELEASES[1], made_of=RELEASES[0], env={})
    assert answer["what"] == "the release cannot be assembled"
    assert answer["next"] == "vpsdeploy release"
    assert not host.app.release(RELEASES[1]).exists()


def test_a_value_that_systemd_drops_is_refused_unseen(host: Host) -> None:
    """The controller refuses it before; the agent does not rely on that."""
    host.ship(RELEASES[0])
    answer = host.call("assemble", release=RELEASES[1], made_of=RELEASES[0], env={"A": "hunter2\0"})
    assert answer["event"] == "error"
    assert "hunter2" not in json.dumps(answer)
