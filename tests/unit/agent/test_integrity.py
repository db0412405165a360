"""integrity: files of packages, programs with rights of their own, and what vpsdeploy made."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.agent import foreign
from orchestrator.agent.programs import Finished
from tests.unit.agent.conftest import Host

VERIFIED = """\
??5?????? c /etc/ssh/moduli
??5??????   /usr/bin/ls
missing     /usr/sbin/visudo
missing     /usr/share/man/man1/ls.1.gz
missing   c /etc/default/useradd
"""
WHOLE = {"fingerprint": "", "recorded": [], "differences": [], "withheld": []}


class Dpkg:
    """dpkg in front of the host's other programs."""

    def __init__(self, host: Host, verified: str = "", owned: str = "") -> None:
        self.verified, self.owned = verified, owned
        self.asked: list[str] = []
        self._others = host.systemd
        host.systemd = self  # type: ignore[assignment]  # stands in for it as the agent calls it

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """Answer what is dpkg's, hand on the rest."""
        if arguments[0] == "dpkg":
            return Finished(0, self.verified, "")
        if arguments[0] == "dpkg-query":
            self.asked += arguments[2:]
            return Finished(1, self.owned, "dpkg-query: no path found matching pattern /usr/bin/x")
        return self._others(arguments)


@pytest.fixture(name="watched")
def _watched(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that looks at its files every night, and is as it was provisioned."""
    bare.layout.integrity_timer.touch()
    monkeypatch.setattr("orchestrator.agent.verbs.audit.audit", lambda _: WHOLE)
    return bare


def look(host: Host) -> dict[str, Any]:
    """Run the verb as its unit does; its last line, of a look that found something none."""
    answers = host.layout.root / "answers"
    answers.write_text("{}\n")
    try:
        return host.words(["integrity", "--request", '{"protocol":1,"by":"timer"}'])
    except IndexError:
        return {}


def told(host: Host) -> dict[str, Any]:
    """What the controller hears of it."""
    found: dict[str, Any] = host.call("facts")["integrity"]
    return found


def test_only_content_and_files_that_are_gone_count() -> None:
    """Not configuration, which is its administrator's, and not what minimal images leave out."""
    assert list(foreign.parse(VERIFIED)) == [
        "/usr/bin/ls is not what its package brought",
        "/usr/sbin/visudo is missing",
    ]


def test_a_whole_host_says_so(watched: Host) -> None:
    """With the time: who never looks finds nothing either."""
    Dpkg(watched)
    assert told(watched) == {"time": "", "seconds": 0, "count": 0, "findings": []}
    assert look(watched)["count"] == 0
    assert (told(watched)["count"], told(watched)["findings"]) == (0, [])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told(watched)["time"])


def test_a_host_that_does_not_look_says_nothing(bare: Host) -> None:
    """It was provisioned by an older vpsdeploy, or its owner wants none of it."""
    assert bare.call("facts")["integrity"] is None


def test_findings_fail_the_unit_and_go_to_the_journal(
    watched: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As warnings, one line each; what vpsdeploy made belongs to it."""
    Dpkg(watched, VERIFIED)
    changed = {**WHOLE, "differences": ["/etc/ssh/sshd_config.d/00-vpsdeploy.conf"]}
    monkeypatch.setattr("orchestrator.agent.verbs.audit.audit", lambda _: changed)
    assert look(watched) == {}
    assert told(watched)["findings"] == [
        "/usr/bin/ls is not what its package brought",
        "/usr/sbin/visudo is missing",
        "not as provisioned: /etc/ssh/sshd_config.d/00-vpsdeploy.conf",
    ]
    assert capsys.readouterr().err.splitlines()[0] == "<4>/usr/bin/ls is not what its package brought"


def test_a_program_with_rights_of_its_own_that_no_package_brought(watched: Host) -> None:
    """Debian 12's packages name some by what is a link now. Behind a directory of root's alone nobody reaches it."""
    root = watched.layout.root
    for name in ("usr/bin/su", "usr/bin/plain", "srv/x", "var/lib/docker/su", "proc/su"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
        (root / name).chmod(0o755 if name.endswith("plain") else 0o4755)
    if os.getuid() == 0:
        (root / "var/lib/docker").chmod(0o710)
    else:
        (root / "var/lib/docker/su").chmod(0o755)
    dpkg = Dpkg(watched, owned="util-linux: /bin/su\ndiversion by x from: /srv/x\n")
    look(watched)
    assert told(watched)["findings"] == ["/srv/x runs as its owner or group, and is of no package"]
    assert dpkg.asked == ["/srv/x", "/usr/bin/su", "/bin/su"]


def test_a_host_in_ruins_does_not_fill_its_disk(watched: Host) -> None:
    """The first hundred findings are kept, all are counted."""
    Dpkg(watched, "".join(f"missing     /usr/lib/{n}\n" for n in range(150)))
    look(watched)
    assert (told(watched)["count"], len(told(watched)["findings"])) == (150, 100)
    assert json.loads(watched.layout.integrity_file.read_text())["count"] == 150
