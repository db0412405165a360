"""Bring a sandbox up, look at it, take it down.

Each thing is recorded before it is made, and each step starts from what is really there: whatever was interrupted, the
next `up` completes and the next `down` removes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.errors import SandboxError, UsageError
from orchestrator.sandbox import controller, inventory, network, planning, record, requirements
from orchestrator.sandbox.hosts import SandboxHost, container_name, network_arguments
from orchestrator.sandbox.image import ImageStore
from orchestrator.sandbox.machine import ALL, Machine
from orchestrator.sandbox.record import HostRecord, Record
from orchestrator.sandbox.spec import HostStatus, SandboxSpec, SandboxStatus, check_name, groups_of

Progress = Callable[[str], None]
# Hosts that boot at once: more only wait for the processors.
_BOOTS_AT_ONCE = 8


class Lifecycle:
    """Sandboxes of this machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._state = machine, machine.state

    def up(self, spec: SandboxSpec, project_dir: Path, progress: Progress) -> SandboxStatus:
        """Make what is missing of a sandbox, start what is stopped, write its stage.

        Raises: SandboxError, UsageError
        """
        spec.check()
        requirements.check()
        with self._state.lock(ALL, shared=True), self._state.lock(f"sandbox-{spec.name}"):
            self._machine.prepare()
            directory = planning.stage_dir(spec, project_dir)
            inventory.check(directory)
            made = self._record(spec, directory, progress)
            self._ensure_network(made)
            keys = self._boot(made, self._ensure_key(made.name), progress)
            inventory.write(directory, self._hosts_text(made), inventory.known_hosts_text(keys))
            return self._status(made)

    def status(self, name: str) -> SandboxStatus:
        """A sandbox as it is.

        Raises: UsageError: There is none of that name.
        """
        check_name(name)
        found = record.load(self._state, name)
        if not found:
            raise UsageError(f"there is no sandbox {name}", next="vpsdeploy sandbox up")
        self._machine.prepare()
        return self._status(found)

    def names(self) -> tuple[str, ...]:
        """The sandboxes of this machine."""
        return self._state.names()

    def down(self, name: str, progress: Progress) -> bool:
        """Remove a sandbox with everything that was made for it; False where there was nothing."""
        check_name(name)
        if not self._machine.used:
            return False
        with self._state.lock(ALL, shared=True), self._state.lock(f"sandbox-{name}"):
            self._machine.prepare()
            return self._remove(name, progress)

    def down_all(self, progress: Progress) -> bool:
        """Remove every sandbox, then the images, the storage and the namespace; False where there was nothing."""
        if not self._machine.used:
            return False
        with self._state.lock(ALL):
            self._machine.prepare()
            labelled = {container.sandbox for container in self._machine.podman.containers()}
            for name in sorted(labelled | set(self._state.names())):
                self._remove(name, progress)
            progress("removing images and storage")
            self._machine.remove()
        return True

    def host(self, name: str, host: str) -> SandboxHost:
        """One host of a sandbox.

        Raises: UsageError: It is not recorded.
        """
        found = record.load(self._state, name)
        wanted = next((known for known in (found.hosts if found else ()) if known.name == host), None)
        if not wanted:
            known = ", ".join(found.host_names) if found else "none: there is no such sandbox"
            raise UsageError(
                f"sandbox {name} has no host {host}",
                why=f"its hosts: {known}",
                next="vpsdeploy sandbox status",
            )
        self._machine.prepare()
        return SandboxHost(self._machine.podman, name, wanted)

    def _record(self, spec: SandboxSpec, directory: Path, progress: Progress) -> Record:
        old = record.load(self._state, spec.name)
        debian = planning.debian_of(spec, old)
        existing = self._states(spec.name)
        missing = set(planning.final_names(spec, old)) - set(existing)
        image = self._image(debian, len(missing), progress) if missing else ""
        self._drop_extra(spec, old, progress)
        with self._state.lock("subnets"):
            subnet = old.subnet if old else self._free_subnet(spec.name)
            hosts = planning.hosts_of(spec, old, existing, subnet=subnet, image=image)
            made = Record(spec.name, debian, subnet, str(directory), hosts)
            record.save(self._state, made)
        if old and old.inventory_dir != str(directory):
            inventory.remove(Path(old.inventory_dir))
        return made

    def _image(self, debian: int, new_hosts: int, progress: Progress) -> str:
        requirements.check_memory(new_hosts)
        requirements.check_watches(new_hosts)
        store = ImageStore(self._machine.run, self._state, self._machine.podman)
        return store.ensure(debian, controller.read(self._machine.run), progress)

    def _drop_extra(self, spec: SandboxSpec, old: Record | None, progress: Progress) -> None:
        extra = planning.extra_names(spec, old)
        if extra and spec.remove_extra:
            progress(f"removing {', '.join(extra)}")
            self._remove_containers([container_name(spec.name, host) for host in extra])
        elif extra:
            progress(f"keeping {', '.join(extra)} (removed only if asked)")

    def _free_subnet(self, name: str) -> str:
        routes = self._machine.run(("ip", "-json", "-4", "route", "show", "table", "all")).stdout
        taken = (*network.parse_routes(routes), *record.subnets(self._state))
        return network.choose_subnet(name, str(self._state.root), taken)

    def _ensure_network(self, made: Record) -> None:
        podman = self._machine.podman
        name = podman.network(made.name)
        if not podman.networks(made.name):
            resolv_conf = Path("/etc/resolv.conf").read_text("utf-8", errors="replace")
            podman.must(
                "make the sandbox's network", *network_arguments(made.name, name, made.subnet, resolv_conf)
            )
            podman.name_bridge(name)

    def _ensure_key(self, name: str) -> str:
        path = self._state.key_file(name)
        if not path.with_suffix(".pub").exists():
            path.unlink(missing_ok=True)
            comment = f"vpsdeploy-sandbox-{name}"
            made = self._machine.run(
                ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))
            )
            if not made.ok:
                raise SandboxError("cannot make the login key", why=made.tail(), next=f"ls -la {path.parent}")
        return path.with_suffix(".pub").read_text("utf-8").strip()

    def _boot(self, made: Record, public_key: str, progress: Progress) -> dict[str, tuple[str, ...]]:
        states = self._states(made.name)

        def boot(host: HostRecord) -> tuple[str, tuple[str, ...]]:
            one = SandboxHost(self._machine.podman, made.name, host)
            self._boot_one(one, host, states.get(host.name, "missing"), progress)
            return host.address, one.admit(public_key)

        with ThreadPoolExecutor(_BOOTS_AT_ONCE) as pool:
            return dict(pool.map(boot, made.hosts))

    def _boot_one(self, one: SandboxHost, host: HostRecord, state: str, progress: Progress) -> None:
        if state != "running":
            progress(f"{host.name}: booting")
            one.create() if state == "missing" else one.start()
        # Also where it runs: an `up` that was interrupted may have left it in the middle of its boot.
        one.wait_until_booted(fresh=state == "missing")
        if state != "running":
            progress(f"{host.name}: up at {host.address}")

    def _states(self, name: str) -> dict[str, str]:
        found = self._machine.podman.containers(name)
        return {container.host: "running" if container.running else "stopped" for container in found}

    def _status(self, made: Record) -> SandboxStatus:
        directory = Path(made.inventory_dir)
        return SandboxStatus(
            made.name, made.debian, made.subnet, directory / "hosts.yml", directory / "known_hosts",
            self._state.key_file(made.name), self._hosts(made, self._states(made.name)),
        )  # fmt: skip

    def _hosts(self, made: Record, states: dict[str, str]) -> tuple[HostStatus, ...]:
        names = made.host_names
        return tuple(
            HostStatus(host.name, host.address, groups_of(host.name, names), states.get(host.name, "missing"))
            for host in made.hosts
        )

    def _hosts_text(self, made: Record) -> str:
        return inventory.hosts_text(self._hosts(made, {}), self._state.key_file(made.name))

    def _remove(self, name: str, progress: Progress) -> bool:
        podman, found = self._machine.podman, self._readable(name)
        recorded = {container_name(name, host) for host in (found.host_names if found else ())}
        # Both: a podman that was killed leaves containers without a label, an unreadable record names nothing.
        containers = sorted(recorded | {container.name for container in podman.containers(name)})
        if containers:
            progress(f"removing {', '.join(containers)}")
        self._remove_containers(containers)
        for own in podman.networks(name):
            # --force: also hosts that a podman left alone by a killed `up` makes just now.
            podman.must("remove the sandbox's network", "network", "rm", "--force", "--time", "0", own)
        self._remove_containers([container.name for container in podman.containers(name)])
        if found:
            inventory.remove(Path(found.inventory_dir))
        known = self._state.sandbox(name).is_dir()
        # The record goes last: until then it says what is still to be removed.
        shutil.rmtree(self._state.sandbox(name), ignore_errors=True)
        return known or bool(containers)

    def _readable(self, name: str) -> Record | None:
        try:
            return record.load(self._state, name)
        except SandboxError:
            return None

    def _remove_containers(self, names: Sequence[str]) -> None:
        if names:
            self._machine.podman.must("remove hosts", "rm", "--force", "--time", "0", "--ignore", *names)
