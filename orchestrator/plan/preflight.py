"""Checks of the hosts before a release touches them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config.problems import nearest, shown
from orchestrator.errors import ConfigError, HostNotReady, ProjectError, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import HostFacts
from orchestrator.model.bundle import Manifest
from orchestrator.model.fleet import Stage
from orchestrator.plan import size

_SPARE_BYTES = 64 << 20
"""What must stay free on a host's disk beside the release: logs, history, the journal (our choice)."""

_ARCHITECTURES = {
    "x86_64": "linux-x64",
    "amd64": "linux-x64",
    "aarch64": "linux-arm64",
    "arm64": "linux-arm64",
}
"""Machine names of uname(2) and Debian, and Node's name for the same."""


def check_hosts(facts: FleetFacts, agent_version: str) -> None:
    """Every host is provisioned for the app and has our agent.

    Raises: HostNotReady: the first host that is not.
    """
    for host in facts.hosts:
        check_host(facts, host, agent_version)


def check_host(facts: FleetFacts, host: HostFacts, agent_version: str) -> None:
    """One host is provisioned for the app and has our agent.

    Raises: HostNotReady
    """
    _check_provisioned(host, facts)
    if host.version != agent_version:
        why = f"host has {host.version}, we are {agent_version}"
        raise _not_ready(facts, host, "the agent is of another version", why)


def _check_provisioned(host: HostFacts, facts: FleetFacts) -> None:
    if not host.provisioned:
        raise _not_ready(facts, host, "the app is not provisioned", "the host does not know the app")
    if host in facts.loadbalancers and host.live is None:
        raise _not_ready(facts, host, "nginx is not provisioned for the app", "the host has no route for it")


def check_bundle(facts: FleetFacts, manifest: Manifest) -> None:
    """The bundle runs on each app host and finds room there.

    Raises: HostNotReady: another architecture, or too little disk.
    """
    need = manifest.size_bytes
    for host in facts.apps:
        ours = _ARCHITECTURES.get(host.arch, host.arch)
        if manifest.platform not in ("any", ours):
            why = f"the bundle holds native modules for {manifest.platform}, the host is {ours}"
            advice = f"build it on {ours}, or set build.install: host in vpsdeploy.yml"
            raise _not_ready(facts, host, "the bundle was built for another architecture", why, advice)
        if host.inodes_free < manifest.files:
            why = f"{host.inodes_free} inodes free, the release may need {manifest.files}"
            raise _not_ready(
                facts, host, "no room for the release", why, "remove files, or lower release.keep"
            )
        if not host.releases and host.disk_free_bytes < need + _SPARE_BYTES:
            why = f"{_mib(host.disk_free_bytes)} free, needed are {_mib(need + _SPARE_BYTES)}"
            raise _not_ready(
                facts, host, "no room for the release", why, "remove files, or use a larger disk"
            )


def check_jobs(config: AppConfig, stage: Stage) -> None:
    """Hosts that cron entries name are app hosts of the stage.

    Raises: ConfigError: one is not.
    """
    names = [host.name for host in stage.app_hosts]
    for entry, job in config.cron.items():
        if job.host and job.host not in names:
            raise ConfigError(
                f"cron.{entry}.host is no app host of {stage.name}",
                why=f"{shown(job.host)} is not one of {', '.join(names)}{nearest(job.host, names)}",
                state="nothing was touched", next=f"edit {FILE_NAME}",
            )  # fmt: skip


def check_entries(config: AppConfig, files: Iterable[str]) -> None:
    """Files that workers and cron entries start are in the bundle.

    Args:
        config: The app.
        files: Paths of the bundle; looked at only where something is started.

    Raises: ProjectError: one is not.
    """
    jobs = [(f"workers.{name}", job.entry) for name, job in config.workers.items() if job.entry]
    jobs += [(f"cron.{name}", job.entry) for name, job in config.cron.items() if job.entry]
    paths = set(files) if jobs else set()
    for key, entry in jobs:
        if entry not in paths:
            raise ProjectError(
                f"the bundle has no file {entry}",
                why=f"{key}.entry in {FILE_NAME} names it{nearest(entry, paths)}",
                state="no host was touched", next="build the project and look into its output",
            )  # fmt: skip


def memory_hints(config: AppConfig, facts: FleetFacts) -> tuple[str, ...]:
    """Hosts whose memory may be short while both pools run, one sentence each."""
    both = (size.of_release(config, facts) + size.running(facts)) * size.bytes_of(config.limits.memory)
    return tuple(
        f"{host.name}: two pools may use {_mib(both)} of {_mib(host.memory_bytes)} memory; "
        "lower limits.memory, or set release.surge: 1"
        for host in facts.apps
        if config.release.surge == "all" and both > host.memory_bytes
    )


def _not_ready(
    facts: FleetFacts, host: HostFacts, what: str, why: str, advice: str = "vpsdeploy provision host"
) -> VpsdeployError:
    return HostNotReady(
        what, host=f"{host.name} ({facts.stage.name})", why=why, state=f"nothing was changed; {facts.state()}",
        next=f"{advice} {host.name}" if advice.endswith(" host") else advice,
    )  # fmt: skip


def _mib(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB"
