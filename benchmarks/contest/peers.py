"""The peers: their files are in benchmarks/peers, with why each is as it is."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.contest.app import CHANGED, App
from benchmarks.contest.box import Box

FILES = Path(__file__).resolve().parents[1] / "peers"
_HOST = FILES / "host"
_REPOSITORY = "git://{address}/hello-nest.git"
_WORK = "/srv/work/hello-nest"


def set_up_host(box: Box, *, packages: str = "", npm: str = "") -> None:
    """What a peer's host needs beside our roles."""
    box.push(_HOST, "/opt/peer")
    box.run(f"cd /opt/peer && PACKAGES='{packages}' NPM='{npm}' bash set-up.sh")


def set_up_control(control: Box, targets: list[Box], app: App, work: Path) -> None:
    """The host that the peers' commands run on: their programs, a Git server, a key that the targets accept."""
    set_up_host(control, packages="capistrano ruby-ed25519 ruby-bcrypt-pbkdf", npm="pm2")
    control.run("[ -f ~/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
    public = control.run("cat ~/.ssh/id_ed25519.pub").strip()
    for target in targets:
        target.run(f"install -d -m 700 -o deploy -g deploy ~deploy/.ssh; f=~deploy/.ssh/authorized_keys; "
                   f"grep -qF '{public}' $f || echo '{public}' >> $f; chown deploy: $f; chmod 600 $f")  # fmt: skip
        control.run(f"ssh-keyscan {target.address} >> ~/.ssh/known_hosts 2>/dev/null")
    control.push(app.tree(work / "tree"), _WORK)
    control.push(FILES / "pm2", _WORK)
    control.push(FILES / "capistrano", "/srv/work/capistrano")
    control.run(f"""
        git config --global user.email bench@example.com; git config --global user.name bench
        git config --global --add safe.directory '*'
        rm -rf /srv/git/hello-nest.git; mkdir -p /srv/git; git init -q --bare -b main /srv/git/hello-nest.git
        cd {_WORK} && rm -rf .git && git init -q -b main && git add -f . && git commit -qm first
        git remote add origin /srv/git/hello-nest.git && git push -q -u origin main
        systemctl is-active -q bench-git || systemd-run -q --unit=bench-git git daemon --base-path=/srv/git --export-all
    """)


def commit(control: Box, app: App, n: int) -> None:
    """A one-line change, pushed."""
    control.run(f"cat > {_WORK}/{CHANGED}", app.built(n).encode())
    control.run(f"cd {_WORK} && git commit -qa --allow-empty -m 'line {n}' && git push -q")


class Capistrano:
    """`cap production deploy`."""

    name = "Capistrano"
    processes = "[c]apistrano"

    def __init__(self, box: Box, control: Box, app: App) -> None:
        self.box, self._control, self._app = box, control, app

    def set_up(self) -> None:
        """The host, and a first release."""
        set_up_host(self.box)
        self.prepare(0)
        self.release()

    def prepare(self, n: int) -> None:
        """A commit."""
        commit(self._control, self._app, n)

    def release(self) -> tuple[float, float]:
        """On the control host."""
        return self._control.timed(f"cd /srv/work/capistrano && {_where(self)} cap production deploy"), 0.0


class Pm2:
    """`pm2 deploy`, whose post-deploy is `pm2 reload`."""

    name = "pm2"
    processes = "[P]M2|bin/[p]m2"

    def __init__(self, box: Box, control: Box, app: App) -> None:
        self.box, self._control, self._app = box, control, app

    def set_up(self) -> None:
        """The host, `pm2 deploy setup`, and a first release."""
        set_up_host(self.box, npm="pm2")
        if not self.box.run("ls /srv/peer/hello-nest"):  # it refuses to be set up twice
            self._control.run(
                f"cd {_WORK} && {_where(self)} pm2 deploy ecosystem.config.cjs production setup"
            )
        self.prepare(0)
        self.release()

    def prepare(self, n: int) -> None:
        """A commit."""
        commit(self._control, self._app, n)

    def release(self) -> tuple[float, float]:
        """On the control host."""
        command = f"cd {_WORK} && {_where(self)} pm2 deploy ecosystem.config.cjs production"
        return self._control.timed(command), 0.0


class Ansible:
    """`ansible-playbook release.yml`."""

    name = "Ansible"
    processes = "[a]nsible"

    def __init__(self, box: Box, app: App, work: Path) -> None:
        self.box, self._app, self._work = box, app, work

    def set_up(self) -> None:
        """The host, and a first release."""
        set_up_host(self.box)
        self.box.run("install -d /srv/peer/hello-nest/releases")
        self._app.tree(self._work / "archive")
        self.prepare(0)
        self.release()

    def prepare(self, n: int) -> None:
        """An archive."""
        (self._work / "archive" / CHANGED).write_text(self._app.built(n))
        subprocess.run(["tar", "czf", self._archive, "-C", self._work / "archive", "."], check=True)

    def release(self) -> tuple[float, float]:
        """On this machine, with the ansible-core that vpsdeploy brings."""
        inventory = self._work / "ansible.ini"
        inventory.write_text(
            f"{self.box.address} ansible_user=root ansible_ssh_private_key_file={self.box.key} "
            f"ansible_ssh_extra_args='-o UserKnownHostsFile={self.box.known_hosts}'\n"
        )
        begin = time.monotonic()
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, "release.yml",
             "-e", f"archive={self._archive}"],
            cwd=FILES / "ansible", capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - begin
        if done.returncode:
            raise RuntimeError(done.stdout[-4000:] + done.stderr[-4000:])
        return seconds, 0.0

    @property
    def _archive(self) -> Path:
        return self._work / "archive.tar.gz"


def _where(peer: Capistrano | Pm2) -> str:
    repository = _REPOSITORY.format(address=peer._control.address)
    return f"BENCH_ADDRESS={peer.box.address} BENCH_REPOSITORY={repository}"
