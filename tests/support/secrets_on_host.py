"""Where passwords of an app's services lie on its host."""

from __future__ import annotations

from tests.support.canaries import Canaries
from tests.support.vps import Project

_PLACES = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var")  # noqa: S108 - looked at


def assert_only_root_and_the_app_have(project: Project, host: str, canaries: Canaries) -> None:
    """The release's settings and what systemd reads. No log has one, nor the servers' own files, nor a unit."""
    patterns = [word for form in canaries.forms for word in ("-e", form)]
    found = project.on(host, "sh", "-c", 'grep -rlaisF "$@" || true', "sh", *patterns, *_PLACES).splitlines()
    assert {path.rpartition("/")[2] for path in found} == {"settings.json", "env"}, found
    assert set(project.on(host, "stat", "-c", "%a %U", *found).splitlines()) == {"600 root"}
    journal = project.on(host, "sh", "-c", "systemctl show '*'; journalctl --all --output=export")
    assert not canaries.found_in(journal.encode())
