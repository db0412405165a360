"""The programs that judge rendered files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

PACKAGES = {"nginx": "nginx", "nft": "nftables", "visudo": "sudo", "systemd-analyze": "systemd"}
"""The Debian package of each judge."""

Judge = Callable[..., str]


@pytest.fixture
def judge() -> Judge:
    """Run a judge; what it said where it agrees, a failure with its words where it does not."""

    def ask(program: str, *arguments: str) -> str:
        found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if found is None:
            # A missing judge must not look like an acquittal.
            pytest.fail(
                f"{program} is not there: `make test-unit` brings it, or apt-get install {PACKAGES[program]}"
            )
        answer = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 0, f"{program}: {answer.stderr}{answer.stdout}"
        return answer.stdout + answer.stderr

    return ask
