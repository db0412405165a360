"""offer, receive, assemble."""

from __future__ import annotations

import hashlib
import json

import pytest

from orchestrator.agent import lease
from orchestrator.agent.verbs import receive
from tests.unit.agent.conftest import RELEASES, Host, archive, bundle, make_settings


def test_a_release_holds_the_files_and_links_of_its_bundle(host: Host) -> None:
    """Files are hard links into the store, the shared directory leads to the app's, node to the chosen version."""
    host.ship(RELEASES[0], {"dist/main.js": b"main", "uploads/.keep": b""})
    release = host.app.release(RELEASES[0])
    assert (release / "app/dist/main.js").read_bytes() == b"main"
    assert (release / "app/dist/main.js").stat().st_nlink == 2
    assert str((release / "app/uploads").readlink()) == "/srv/shop/shared/uploads"
    assert str((release / "node").readlink()) == "/opt/node/v24.21.0"
    assert (release / "settings.json").stat().st_mode & 0o777 == 0o600


def test_what_the_host_has_is_not_asked_for_again(host: Host) -> None:
    """The second offer of the same content misses nothing."""
    host.ship(RELEASES[0])
    manifest, listed, _ = bundle({"dist/main.js": b"main"})
    answer = host.call("offer", listed, manifest=manifest)
    assert (answer["missing"], answer["files"], answer["bytes"]) == ([], 0, 0)


def test_a_wrong_digest_is_refused_and_what_arrived_right_is_kept(host: Host) -> None:
    """The right file is in the store, the wrong one is nowhere."""
    right = hashlib.sha256(b"right").hexdigest()
    answer = host.call("receive", archive({right: b"right", "0" * 64: b"wrong"}), count=2)
    assert answer["kind"] == "ReleaseFailed"
    assert host.app.stored(right).exists()
    assert not host.app.stored("0" * 64).exists()
    assert not list(host.app.incoming.iterdir())


def test_a_transfer_that_breaks_off_is_an_error(host: Host) -> None:
    """A stream cut in the middle is reported as such."""
    content = bytes(range(256)) * 4096
    stream = archive({hashlib.sha256(content).hexdigest(): content})
    assert host.call("receive", stream[: len(stream) // 2], count=1)["kind"] == "ReleaseFailed"


def test_a_member_that_is_no_digest_is_refused(host: Host) -> None:
    """No path of a stream is ever written to."""
    answer = host.call("receive", archive({"../../etc/passwd": b"x"}), count=1)
    assert (answer["kind"], answer["why"]) == ("ReleaseFailed", "it holds '../../etc/passwd'")


def test_a_damaged_file_of_the_store_is_removed_and_counted(host: Host) -> None:
    """No release is made of it; the next offer asks for it again, and the release then works."""
    host.ship(RELEASES[0])
    stored = host.app.stored(hashlib.sha256(b"main").hexdigest())
    stored.write_bytes(b"niam")
    answer = host.ship(RELEASES[1])
    assert (answer["release"], answer["damaged"]) == (None, 1)
    assert not host.app.release(RELEASES[1]).exists()
    assert host.ship(RELEASES[1])["release"] == RELEASES[1]


def test_assembling_twice_is_no_error_but_another_content_is(host: Host) -> None:
    """A release never changes once it exists."""
    assert host.ship(RELEASES[0])["event"] == "result"
    assert host.ship(RELEASES[0])["event"] == "result"
    assert host.ship(RELEASES[0], env={"A": "1"})["what"] == "the release exists already"


def test_settings_that_would_add_lines_to_a_unit_file_are_refused(host: Host) -> None:
    """The entry and the limits are written into a file that systemd reads as root."""
    for settings in (
        {"entry": "dist/main.js\nUser=root"}, {"entry": "dist/%n.js"}, {"limits": {"memory": "1\nUser=root"}},
        {"limits": {"cpu": "100%\n"}}, {"env": {"A\nB": "1"}}, {"env": {"PORT": "1"}}, {"shared": ["../../etc"]},
    ):  # fmt: skip
        assert host.ship(RELEASES[0], **settings)["kind"] == "UsageError", settings
    assert not list(host.app.releases.iterdir())


def test_a_release_for_other_ports_than_provisioned_is_refused(host: Host) -> None:
    """nginx would not find its instances."""
    assert host.ship(RELEASES[0], port=5000)["kind"] == "HostNotReady"
    assert host.ship(RELEASES[0], instances=3)["kind"] == "HostNotReady"


def test_a_manifest_that_was_not_offered_cannot_be_assembled(host: Host) -> None:
    """The digest must name an offer."""
    answer = host.call("assemble", release=RELEASES[0], manifest_digest="0" * 64, settings=make_settings())
    assert "was not offered" in json.dumps(answer)


def test_a_slow_transfer_renews_the_lock_within_one_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """By time, not by bytes: over a slow line 8 MB take longer than the lease."""
    monkeypatch.setattr(receive, "_RENEW_SECONDS", 0.0)
    manifest, listed, blobs = bundle({"dist/main.js": b"main"})
    host.call("offer", listed, manifest=manifest)
    renewed: list[object] = []
    monkeypatch.setattr(lease, "renew", lambda *_: renewed.append(1))
    assert host.call("receive", archive(blobs), count=1)["stored"] == 1
    assert len(renewed) == 2  # once to begin


def test_facts_tell_how_a_release_wants_to_be_asked_for_its_health(host: Host) -> None:
    """A rollback gates with the settings that the release was made with."""
    health = {"path": "/old", "timeout_seconds": 5, "interval_seconds": 1}
    host.ship(RELEASES[0], health=health)
    (told,) = host.call("facts")["releases"]
    assert (told["health"], told["instances"]) == (health, 2)
