"""module_utils/vpsdeploy/late_start.py: what new packages bring starts once, at the end, whatever was killed."""

from __future__ import annotations

import fcntl
import json
import subprocess
from collections.abc import Mapping, Sequence

from ansible.module_utils.vpsdeploy import late_start, packages
from ansible.module_utils.vpsdeploy.host import Host

INSTALL = ["apt-get", "install", "nginx"]
UNITS = {"cron.service": "enabled", "nftables.service": "disabled", "nginx.service": "enabled"}


class Debian(Host):  # type: ignore[misc] # of ansible.module_utils, which mypy takes for Any
    """A host with dpkg and systemd, as far as they are asked; apt brings three packages with a service each."""

    def __init__(self, check_mode: bool = False) -> None:
        super().__init__(check_mode)
        self.there = ["libc6:amd64"]
        self.calls: list[list[str]] = []
        self.out_of_reach: list[bool] = []
        self.upgrades = self.fails = False

    def attempt(
        self, argv: list[str], timeout_seconds: float = 900, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Answer as the real ones do."""
        self.calls.append(argv)
        if argv[0] == "apt-get":
            return self._apt(argv, offline=bool(environment and environment.get("SYSTEMD_OFFLINE") == "1"))
        text = {
            ("dpkg-query", "--show"): "".join(f"installed {name}\n" for name in self.there)
            + "config-files old\n",
            ("dpkg-query", "--listfiles"): "".join(f"/usr/lib/systemd/system/{unit}\n" for unit in UNITS)
            + "/usr/lib/systemd/system/at@.service\n/usr/share/doc/cron.service\n",
            ("systemctl", "show"): "\n\n".join(
                f"Id={unit}\nUnitFileState={state}\nActiveState=inactive" for unit, state in UNITS.items()
            ),
        }.get((argv[0], argv[1]), "")
        return subprocess.CompletedProcess(argv, 0, text, "")

    def _apt(self, argv: list[str], offline: bool) -> subprocess.CompletedProcess[str]:
        self.out_of_reach.append(offline)
        if self.upgrades and offline:
            error = "E: Problem executing scripts DPkg::Pre-Install-Pkgs '/usr/bin/awk …'"
            return subprocess.CompletedProcess(argv, 100, "", error)
        self.there += ["cron", "nftables", "nginx-common"]
        return subprocess.CompletedProcess(
            argv, 100 if self.fails else 0, "", "disk full" if self.fails else ""
        )

    @property
    def started(self) -> list[list[str]]:
        """What systemd was told to start, call by call."""
        return [call[3:] for call in self.calls if call[:2] == ["systemctl", "start"]]


def install(host: Debian, left: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Install nginx."""
    with late_start.alone(wait=True):
        done: subprocess.CompletedProcess[str] = late_start.install(host, INSTALL, left, 60)
    return done


def test_new_services_start_in_one_call_at_the_end() -> None:
    """Those that Debian starts at boot; not those that their role starts."""
    host = Debian()
    install(host, ["nginx.service"])
    assert host.out_of_reach == [True]
    assert host.started == [["cron.service"]]
    assert host.changes == ["cron.service: start"]
    assert not late_start.NOTE.exists()


def test_where_something_is_upgraded_debian_restarts_it_by_its_own_rules() -> None:
    """The transaction is given up before it begins, and made once more within systemd's reach."""
    host = Debian()
    host.upgrades = True
    answer = install(host)
    assert answer.returncode == 0
    assert host.out_of_reach == [True, False]
    assert host.started == []


def test_services_of_a_failed_transaction_start_all_the_same() -> None:
    """Its packages are there, and apt's answer is handed on."""
    host = Debian()
    host.fails = True
    assert install(host).stderr == "disk full"
    assert host.started == [["cron.service", "nginx.service"]]


def test_what_a_killed_call_did_not_come_to_is_made_good() -> None:
    """Also where no package is missing any more."""
    host = Debian()
    late_start.NOTE.parent.mkdir(parents=True)
    late_start.NOTE.write_text(json.dumps(host.there))
    host.there += ["cron"]
    rehearsal = Debian(check_mode=True)
    rehearsal.there = host.there
    packages.apply(rehearsal, [], 0)
    assert (rehearsal.changes, rehearsal.started) == (["cron.service nginx.service: start"], [])
    packages.apply(host, [], 0)
    assert host.started == [["cron.service", "nginx.service"]]
    assert not late_start.NOTE.exists()


def test_a_call_that_is_at_work_is_left_alone() -> None:
    """Node's packages are waited for beside the transaction that brings them."""
    host = Debian()
    late_start.NOTE.parent.mkdir(parents=True)
    late_start.NOTE.write_text("[]")
    with late_start.NOTE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages.apply(host, [], 0)
    assert host.started == []
    assert late_start.NOTE.exists()
