"""The repository of a program's makers: known to apt only with the right key, and for its own packages only."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import openpgp, packages, repository
from ansible.module_utils.vpsdeploy.host import Host, HostError

from tests.support.apt_repository import AptRepository
from tests.support.signer import Signer, signer
from tests.unit.modules.conftest import Site

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="only Debian has apt")

NAME = "mongodb-org-server"
MISSING = [NAME]


@pytest.fixture(name="key", scope="module")
def _key() -> Iterator[Signer]:
    with signer() as made:
        yield made


@pytest.fixture(name="apt")
def _apt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """apt's configuration; its lists are in a place of the test's own, which apt's own user may read."""
    with tempfile.TemporaryDirectory(prefix="vpsdeploy-apt-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        (place / "lists/partial").mkdir(parents=True)
        options = [f"Dir::State::lists={place}/lists", f"Dir::Cache={place}", "Debug::NoLocking=1"]
        words = [word for option in options for word in ("-o", option)]
        monkeypatch.setattr(packages, "APT", ["apt-get", "--quiet", *words])
        monkeypatch.setattr(packages, "absent", lambda _, names: list(names))
        yield place


@pytest.fixture(name="served")
def _served(site: Site, key: Signer) -> AptRepository:
    made = AptRepository(site[0], key, "bookworm/mongodb-org/8.0", "mongodb")
    (site[0] / "key.asc").write_bytes(key.armored())
    made.add(NAME, "8.0.16")
    made.add("openssl", "99")
    made.sign()
    return made


@pytest.fixture(name="wish")
def _wish(site: Site, served: AptRepository, key: Signer) -> dict[str, Any]:
    return {
        "name": "mongodb", "url": site[1].rstrip("/"), "suite": served.suite, "component": "main", "origin": "mongodb",
        "key": f"{site[1]}key.asc", "fingerprint": key.fingerprint(), "packages": ["mongodb-*"], "timeout_seconds": 5,
        "missing": MISSING,
    }  # fmt: skip


def written(apt: Path) -> list[str]:
    """What makes apt know it."""
    return sorted(path.name for path in apt.rglob("vpsdeploy-*"))


def test_apt_knows_it_and_has_read_it(wish: dict[str, Any], apt: Path) -> None:
    """Key, source and preferences; the second time nothing changes, though it cannot be reached any more."""
    host = Host(False)
    paths = repository.apply(host, wish, MISSING, apt)
    assert written(apt) == ["vpsdeploy-mongodb.asc", "vpsdeploy-mongodb.pref", "vpsdeploy-mongodb.sources"]
    assert sorted(path.name for path in paths) == written(apt)
    assert list((apt / "lists").glob("*_Packages*"))
    again = Host(False)
    repository.apply(again, {**wish, "key": "https://127.0.0.1:1/key.asc"}, [], apt)
    assert (len(host.changes), again.changes) == (3, [])


def test_nothing_but_its_own_packages_comes_from_it(wish: dict[str, Any], apt: Path) -> None:
    """It offers a newer openssl, and apt does not take it."""
    repository.apply(Host(False), wish, MISSING, apt)
    options = {
        "Dir::State::lists": apt / "lists", "Dir::State::status": "/dev/null", "Dir::Cache": apt,
        "Dir::Etc::sourcelist": apt / "sources.list.d/vpsdeploy-mongodb.sources", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": apt / "preferences.d",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    command = ["apt-cache", *words, "policy", NAME, "openssl"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout
    assert "Candidate: 8.0.16" in told
    assert "Candidate: (none)" in told


def test_another_key_is_refused(wish: dict[str, Any], apt: Path) -> None:
    """With both fingerprints; nothing of it is on the host."""
    pinned = "4B0752C1BCA238C0B4EE14DC41DE058A4E7DCA05"
    with pytest.raises(HostError) as refused:
        repository.apply(Host(False), {**wish, "fingerprint": pinned}, MISSING, apt)
    assert f"its fingerprint is {wish['fingerprint']}, {pinned} is the one that is trusted" in str(
        refused.value
    )
    assert written(apt) == []


def test_an_index_that_another_key_has_signed_is_refused(
    wish: dict[str, Any], apt: Path, served: AptRepository
) -> None:
    """apt says no, and knows nothing of the repository afterwards."""
    with signer() as stranger:
        served.sign(stranger)
        with pytest.raises(HostError, match="was refused, and apt knows nothing of it any more"):
            repository.apply(Host(False), wish, MISSING, apt)
    assert written(apt) == []


@pytest.mark.parametrize("part", ["key", "url"])
def test_what_cannot_be_reached_is_found_before_anything_is_changed(wish: dict[str, Any], part: str) -> None:
    """Which host, why, and the three ways out."""
    closed = {**wish, part: "https://127.0.0.1:1/debian", "missing": ["none-of-it"]}
    (found,) = repository.findings(Host(False), [closed])
    assert "https://127.0.0.1:1/debian" in found
    assert "Connection refused" in found
    for way in ("Let the host out to 127.0.0.1", "mongodb_repository_url", "a service that Debian has"):
        assert way in found


def test_a_repository_whose_packages_are_there_is_not_asked(wish: dict[str, Any]) -> None:
    """Provisioning again needs no network for it."""
    assert (
        repository.findings(Host(False), [{**wish, "key": "https://127.0.0.1:1/", "missing": ["dpkg"]}]) == []
    )


def test_a_page_in_place_of_the_key_is_no_key(wish: dict[str, Any], site: Site) -> None:
    """As a proxy's page of refusal would be."""
    (site[0] / "key.asc").write_text("<html>no</html>")
    (found,) = repository.findings(Host(False), [{**wish, "missing": ["none-of-it"]}])
    assert "is not the key of mongodb's repository: it is no file of OpenPGP keys" in found


def test_check_mode_says_what_would_come_and_asks_nobody(wish: dict[str, Any], apt: Path) -> None:
    """Nothing is written."""
    host = Host(True)
    repository.apply(host, {**wish, "key": "https://127.0.0.1:1/"}, MISSING, apt)
    assert len(host.changes) == 3
    assert written(apt) == []


def test_a_fingerprint_is_what_gpg_says(key: Signer) -> None:
    """Of a key as text and as bytes."""
    assert openpgp.fingerprints(key.armored()) == [key.fingerprint()]
    assert openpgp.fingerprints(key.exported()) == [key.fingerprint()]


@pytest.mark.parametrize("cut", [1, 20, 60, 100])
def test_a_key_that_is_cut_off_has_no_fingerprint(key: Signer, cut: int) -> None:
    """However much of it is there."""
    with pytest.raises(ValueError, match=r"cut off|no public key"):
        openpgp.fingerprints(key.exported()[:cut])


def test_a_second_key_in_the_file_is_not_trusted_with_the_first(
    key: Signer, wish: dict[str, Any], site: Site
) -> None:
    """apt would take the signatures of both."""
    with signer() as stranger:
        (site[0] / "key.gpg").write_bytes(key.exported() + stranger.exported())
        two = {**wish, "key": f"{site[1]}key.gpg", "missing": ["none-of-it"]}
        (found,) = repository.findings(Host(False), [two])
    assert "is not the key of mongodb's repository" in found
