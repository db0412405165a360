"""Debian packages: one question to dpkg, and one apt transaction where something is missing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.vpsdeploy import late_start
from ansible.module_utils.vpsdeploy.host import Host, HostError, tail

APT = ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
"""How apt is called: it waits for another apt (unattended upgrades, a first boot) instead of failing."""

KEEP_OUR_FILES = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]

_LISTS = Path("/var/lib/apt/lists")
_INTERRUPTED = Path("/var/lib/dpkg/updates")
_LOCK_WAIT_SECONDS = 300
_LOCK_PAUSE_SECONDS = 5
_INSTALL_SECONDS = 1800


def apply(host: Host, names: list[str], lists_max_age_seconds: int, left: Sequence[str] = ()) -> None:
    """Install the packages that are missing, all in one transaction, and start what they bring.

    Args:
        host: Where.
        names: Of the packages.
        lists_max_age_seconds: apt's lists are fetched first where they are older.
        left: Units that are not started here.
    Raises: HostError: apt failed; its last lines are in the text.
    """
    missing = absent(host, names)
    if missing:
        host.changed(f"packages {' '.join(missing)}", _diff(missing))
    if missing and not host.check_mode:
        with late_start.alone(wait=True):
            missing = absent(host, missing)  # another call may have brought them meanwhile
            if missing:
                _bring(host, missing, lists_max_age_seconds, left)
    late_start.catch_up(host, left)


def absent(host: Host, names: list[str]) -> list[str]:
    """The names whose package is not fully installed, in the order given."""
    if not names:
        return []
    answer = host.attempt(
        ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\n", *names]
    )
    lines = (line.split() for line in answer.stdout.splitlines())
    installed = {words[1] for words in lines if len(words) == 2 and words[0] == "ii"}
    return [name for name in dict.fromkeys(names) if name not in installed]


def _bring(host: Host, missing: list[str], lists_max_age_seconds: int, left: Sequence[str]) -> None:
    if _INTERRUPTED.is_dir() and any(_INTERRUPTED.iterdir()):
        host.run(["dpkg", "--configure", "--pending"])
    refreshed = _lists_age_seconds() > lists_max_age_seconds
    if refreshed:
        refresh(host)
    _install(host, missing, left, may_refresh=not refreshed)


def _lists_age_seconds() -> float:
    """Age of apt's lists; endless where there are none (a minimal image ships none)."""
    if not any(_LISTS.glob("*_Packages*")):
        return float("inf")
    return time.time() - _LISTS.stat().st_mtime


def refresh(host: Host, options: Sequence[str] = ()) -> None:
    """Fetch apt's lists, waiting for another apt: the option for the lock does not cover this one.

    Raises: HostError: apt failed.
    Source: apt-get(8); apt waits for dpkg's lock only, a taken lists lock is an error at once.
    """
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        answer = host.attempt([*APT, *options, "update"])
        if answer.returncode == 0:
            return
        if "Could not get lock" not in answer.stderr or time.monotonic() > deadline:
            raise HostError(f"apt could not fetch its package lists: {tail(answer)}")
        time.sleep(_LOCK_PAUSE_SECONDS)


def _install(host: Host, missing: list[str], left: Sequence[str], may_refresh: bool) -> None:
    """Install; once more with fresh lists where the ones at hand were too old for the mirror."""
    argv = [*APT, *KEEP_OUR_FILES, "--no-install-recommends", "install", *missing]
    answer = late_start.install(host, argv, left, _INSTALL_SECONDS)
    if answer.returncode != 0 and may_refresh:
        refresh(host)
        answer = late_start.install(host, argv, left, _INSTALL_SECONDS)
    if answer.returncode != 0:
        raise HostError(f"apt could not install {' '.join(missing)}: {tail(answer)}")


def _diff(missing: list[str]) -> dict[str, str]:
    after = "".join(f"{name}\n" for name in missing)
    return {"before_header": "packages", "after_header": "packages", "before": "", "after": after}
