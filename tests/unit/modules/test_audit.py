"""The record of a converge, and the audit of a host against it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import accounts, audit, files, record
from ansible.module_utils.vpsdeploy.host import Host

from .test_files import ME, OURS, spec

ASKED = {"name": "nginx", "fingerprint": "abc"}
NOTHING: dict[str, Any] = {
    "packages": [],
    "accounts": [],
    "locked": [],
    "kernel_settings": {},
    "withheld": [],
    "check": [],
    "units": [],
    "paths": {},
}

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="records are root's own")


def converged(directory: Path, *specs: dict[str, Any], name: str = "nginx", **wanted: Any) -> None:
    """Files are put in place and a record of them is kept, as vpsdeploy_apply does."""
    host = Host(False)
    files.apply(host, files.plan(host, list(specs)), [])
    asked = {**NOTHING, "paths": record.paths(files.wanted(list(specs), check_mode=False)), **wanted}
    record.keep(host, {"name": "preflight", "fingerprint": "abc"}, "other", {}, directory)
    record.keep(host, {"name": name, "fingerprint": "abc"}, "apply", asked, directory)


def test_a_host_that_was_left_alone_has_no_differences(tmp_path: Path) -> None:
    """Files, directories and links are as they were asked for."""
    tree = [
        spec(tmp_path / "d", state="directory"),
        spec(tmp_path / "d/file", "text\n"),
        spec(tmp_path / "link", state="link", target="d/file"),
        spec(tmp_path / "gone", state="absent"),
    ]
    converged(tmp_path / "records", *tree)
    found = audit.run(tmp_path / "records")
    assert (found["fingerprint"], found["recorded"]) == ("abc", ["nginx", "preflight"])
    assert found["differences"] == []


@pytest.mark.parametrize("damage", ["content", "mode", "missing", "appeared"])
def test_each_kind_of_damage_is_found(damage: str, tmp_path: Path) -> None:
    """Content, mode, a deleted file, one that must not be there."""
    file, gone = tmp_path / "file", tmp_path / "gone"
    converged(tmp_path / "records", spec(file, "right\n"), spec(gone, state="absent"))
    match damage:
        case "content":
            file.write_text("wrong\n")
        case "mode":
            file.chmod(0o666)
        case "missing":
            file.unlink()
        case _:
            gone.write_text("")
    expected = gone if damage == "appeared" else file
    assert audit.run(tmp_path / "records")["differences"] == [str(expected)]


def test_a_missing_package_and_user_and_a_failing_check_are_found(tmp_path: Path) -> None:
    """All of a call, not its files only."""
    account = {"name": "nobody-like-this", "shell": "/bin/sh", "groups": [], "system": True}
    converged(tmp_path, packages=["no-such-package"], accounts=[account], check=["false"])
    assert audit.run(tmp_path)["differences"] == [
        "packages no-such-package",
        "user nobody-like-this",
        "`false` fails",
    ]


def test_a_program_that_is_gone_is_a_difference(tmp_path: Path) -> None:
    """An audit that cannot be carried out never says that all is well."""
    converged(tmp_path, check=["no-such-program-here"])
    assert audit.run(tmp_path)["differences"] == ["no-such-program-here is not installed on this host"]


def test_a_record_of_another_converge_does_not_count(tmp_path: Path) -> None:
    """A role that the last run did not reach is not recorded; what it once asked for is not judged."""
    converged(tmp_path / "records", spec(tmp_path / "file", "old\n"))
    record.keep(Host(False), {"name": "preflight", "fingerprint": "new"}, "other", {}, tmp_path / "records")
    (tmp_path / "file").unlink()
    found = audit.run(tmp_path / "records")
    assert (found["fingerprint"], found["recorded"]) == ("new", ["preflight"])
    assert found["differences"] == []


def test_a_host_without_records_says_so(tmp_path: Path) -> None:
    """It was provisioned before there were records, or not by the site playbook."""
    found = audit.run(tmp_path / "none")
    assert found == {"fingerprint": "", "recorded": [], "differences": [], "withheld": []}


def test_what_the_host_has_no_say_in_is_told_again(tmp_path: Path) -> None:
    """It was not applied, and that is no difference."""
    converged(tmp_path / "records", withheld=["auditd"])
    found = audit.run(tmp_path / "records")
    assert (found["withheld"], found["differences"]) == (["auditd"], [])


def test_a_rehearsal_and_a_call_without_a_name_leave_no_record(tmp_path: Path) -> None:
    """Nothing was done, or nobody asked."""
    record.keep(Host(True), ASKED, "apply", NOTHING, tmp_path)
    record.keep(Host(False), None, "apply", NOTHING, tmp_path)
    record.keep(Host(False), {"name": "nginx", "fingerprint": ""}, "apply", NOTHING, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_roots_own_and_has_no_content(tmp_path: Path) -> None:
    """A secret file is there by its digest; only root can read even that."""
    secret = spec(tmp_path / "key", secret_content="hush")
    converged(tmp_path / "records", secret)
    written = tmp_path / "records" / "nginx.json"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert "hush" not in written.read_text()
    assert json.loads(written.read_text())["wanted"]["paths"][str(tmp_path / "key")]["kind"] == "file"


def test_only_a_user_without_a_service_manager_has_a_drop_in() -> None:
    """It is named by the user's number, as systemd names the manager's unit."""
    people = [{"name": ME, "service_manager": False}, {"name": OURS, "service_manager": True}]
    (drop_in,) = accounts.files(people)
    assert drop_in["path"] == f"/etc/systemd/system/user@{os.getuid()}.service.d/50-vpsdeploy.conf"
    assert "ConditionPathExists=!/" in drop_in["content"]


def test_a_change_that_waits_for_its_confirmation_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run has to prove it: else the host would take it back behind a clean audit."""
    converged(tmp_path / "records")
    monkeypatch.setattr(audit.guard, "all_pending", lambda: ["ssh"])
    found = audit.run(tmp_path / "records")["differences"]
    assert found == ["the change of ssh waits for its confirmation"]
