"""The order of the swap file at boot: only a machine of its own shows a cycle, a container has no swap."""

from __future__ import annotations

from tests.support import roles

UNIT = "etc/systemd/system/vpsdeploy-swapfile.service.j2"


def test_the_swap_file_does_not_wait_for_tmp_which_waits_for_swap() -> None:
    """Debian 13's tmp.mount is part of local-fs.target and after swap.target, so systemd would drop it."""
    lines = roles.render("base", UNIT).splitlines()
    ordered = {name for line in lines if line.startswith("After=") for name in line[6:].split()}
    assert "RequiresMountsFor=/var/lib/vpsdeploy" in lines
    assert "DefaultDependencies=no" in lines  # else it is after sysinit.target, and so after local-fs.target
    assert not ordered & {"local-fs.target", "sysinit.target", "basic.target", "tmp.mount"}
