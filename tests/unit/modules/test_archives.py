"""Archives of programs, verified, whole, or not at all; looked for before anything is changed."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import archives, node_archive
from ansible.module_utils.vpsdeploy.host import Host, HostError

from tests.unit.modules.conftest import Site


@pytest.fixture(autouse=True)
def _not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """No need to own files as root."""
    monkeypatch.setattr(node_archive.os, "chown", lambda *_: None)


def packed(members: dict[str, str]) -> bytes:
    """An archive with these files, as their maker's modes have them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o777 if name.endswith(".sh") else 0o666
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


GOOD = packed(
    {"kafka_2.13-4.1.2/bin/kafka-server-start.sh": "#!/bin/sh\n", "kafka_2.13-4.1.2/libs/a.jar": "a"}
)


def wish(site: Site, target: Path, content: bytes = GOOD, *names: str) -> dict[str, Any]:
    """What a role asks for; the content is served as the last name."""
    root, address = site
    names = names or ("kafka.tgz",)
    (root / names[-1]).write_bytes(content)
    urls = [f"{address}{name}" for name in names]
    return {"urls": urls, "sha512": hashlib.sha512(GOOD).hexdigest(), "directory": str(target)}


def test_an_archive_is_unpacked_once_without_its_first_directory(site: Site, tmp_path: Path) -> None:
    """Readable by all, writable by nobody else; the next run does not ask for it."""
    target = tmp_path / "opt/kafka_2.13-4.1.2"
    one = wish(site, target)
    host = Host(check_mode=False)
    archives.apply(host, [one])
    assert host.changes == [f"{target}: unpacked"]
    start = target / "bin/kafka-server-start.sh"
    assert (start.stat().st_mode & 0o777, (target / "libs/a.jar").stat().st_mode & 0o777) == (0o755, 0o644)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    (site[0] / "kafka.tgz").unlink()
    again = Host(check_mode=False)
    archives.apply(again, [one])
    assert again.changes == []


def test_a_rehearsal_only_says_so(site: Site, tmp_path: Path) -> None:
    """Nothing is fetched."""
    host = Host(check_mode=True)
    archives.apply(host, [{**wish(site, tmp_path / "kafka"), "urls": ["http://127.0.0.1:1/x"]}])
    assert host.changes == [f"{tmp_path / 'kafka'}: unpacked"]
    assert not (tmp_path / "kafka").exists()


def test_an_address_that_does_not_have_it_is_passed_over(site: Site, tmp_path: Path) -> None:
    """The maker's own server drops a release once it has a newer one; its archive keeps it."""
    archives.apply(Host(check_mode=False), [wish(site, tmp_path / "kafka", GOOD, "gone.tgz", "kafka.tgz")])
    assert (tmp_path / "kafka/libs/a.jar").exists()


def test_another_archive_is_never_unpacked(site: Site, tmp_path: Path) -> None:
    """Whoever serves it: its digest says what it is."""
    one = wish(site, tmp_path / "kafka", packed({"kafka/bin/kafka-server-start.sh": "evil"}))
    with pytest.raises(
        HostError, match=r"nothing was unpacked: .*kafka.tgz is not the archive that it should be"
    ):
        archives.apply(Host(check_mode=False), [one])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("kafka", "."))] == []


def test_an_archive_that_ends_too_early_is_another(site: Site, tmp_path: Path) -> None:
    """Whatever its server says."""
    with pytest.raises(HostError, match="is not the archive that it should be"):
        archives.apply(Host(check_mode=False), [wish(site, tmp_path / "kafka", GOOD[:-10])])
    assert not (tmp_path / "kafka").exists()


def test_what_would_lead_outside_is_refused_even_with_the_right_digest(site: Site, tmp_path: Path) -> None:
    """A second lock behind the first."""
    content = packed({"kafka/../../../evil": "x"})
    one = {**wish(site, tmp_path / "kafka", content), "sha512": hashlib.sha512(content).hexdigest()}
    with pytest.raises(HostError, match="leads outside"):
        archives.apply(Host(check_mode=False), [one])
    assert not (tmp_path / "kafka").exists()


def test_what_an_interrupted_run_left_is_swept(site: Site, tmp_path: Path) -> None:
    """And another archive's is not."""
    target = tmp_path / "opt/kafka"
    for name in (".partial-kafka-abc", ".partial-mongodb-abc"):
        (target.parent / name).mkdir(parents=True)
    archives.apply(Host(check_mode=False), [wish(site, target)])
    assert sorted(path.name for path in target.parent.iterdir()) == [".partial-mongodb-abc", "kafka"]


@pytest.mark.parametrize(
    ("mark", "said"), [("", "is not ours"), ("0" * 128, "was unpacked from another archive")]
)
def test_a_tree_of_somebody_s_is_left_alone(site: Site, tmp_path: Path, mark: str, said: str) -> None:
    """It may be what runs."""
    target = tmp_path / "kafka"
    target.mkdir()
    (target / "own").touch()
    if mark:
        (target / archives._MARK).write_text(mark)
    with pytest.raises(HostError, match=said):
        archives.apply(Host(check_mode=False), [wish(site, target)])
    assert (target / "own").exists()


def looked_for(urls: list[str], root: Path) -> list[str]:
    """What preflight says."""
    one = {"urls": urls, "directory": "/opt/kafka_2.13-4.1.2", "instead": "nats or rabbitmq"}
    found: list[str] = archives.unreachable({"kafka": one}, root)
    return found


def test_an_archive_that_is_nowhere_is_told_before_anything_is_changed(site: Site, tmp_path: Path) -> None:
    """Each address with its reason, and the three ways on."""
    (found,) = looked_for([f"{site[1]}gone.tgz", "http://127.0.0.1:1/kafka.tgz"], tmp_path)
    assert "gone.tgz answered 404, http://127.0.0.1:1/kafka.tgz cannot be reached from the host: " in found
    assert "Debian has no package of it" in found
    assert "name a mirror in services.kafka.mirror of vpsdeploy.yml, or take nats or rabbitmq" in found


def test_one_address_is_enough_and_none_is_asked_for_what_is_there(site: Site, tmp_path: Path) -> None:
    """A host that was set up once goes on without its maker."""
    (site[0] / "kafka.tgz").write_bytes(GOOD)
    assert looked_for(["http://127.0.0.1:1/x", f"{site[1]}kafka.tgz"], tmp_path) == []
    target = tmp_path / "opt/kafka_2.13-4.1.2"
    target.mkdir(parents=True)
    (target / archives._MARK).touch()
    assert looked_for(["http://127.0.0.1:1/x"], tmp_path) == []
