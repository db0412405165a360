"""Ansible's process: Ansible, but it ends when our process does.

ansible-runner starts its child with hang-ups ignored, so an Ansible whose controller was killed would go on alone,
beside the next run. With the default restored, the kernel ends it when the terminal's other side is gone; a worker
still finishes the task that its host is at.
"""

from __future__ import annotations

import runpy
import signal


def main() -> None:
    """Become `python -m ansible`; the arguments are ours."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    runpy.run_module("ansible", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
