"""Where things are on the host. The only file that knows.

`root` is "/" on a host and a temporary directory in tests.
"""

from __future__ import annotations

from pathlib import Path

AGENT = "/usr/local/bin/vpsdeploy-agent"
NODES = "/opt/node"


class Layout:
    """Places that belong to the host as a whole."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.proc = root / "proc"
        self.os_release = root / "etc/os-release"
        self.nodes = root / NODES.lstrip("/")
        self.units = root / "etc/systemd/system"
        self.slice_settings = root / "run/systemd/system.control"
        self.host_file = root / "etc/vpsdeploy/host.json"
        self.apps = root / "etc/vpsdeploy/apps"
        self.state = root / "var/lib/vpsdeploy"
        self.run = root / "run/vpsdeploy"
        self.stamps = root / "var/lib/systemd/timers"
        self.nginx_logs = root / "var/log/nginx"
        self.trusted = self.state / "trusted"
        self.published = self.run / "bans/signed.json"
        self.bans = self.state / "bans"
        self.bans_file = root / "etc/vpsdeploy/bans.json"
        self.ban_signers = root / "etc/vpsdeploy/bans.signers"
        self.fail2ban_file = root / "var/lib/fail2ban/fail2ban.sqlite3"
        self.ssh = root / "etc/ssh"
        self.tls = root / "etc/vpsdeploy/tls"
        self.certbot = root / "etc/letsencrypt"
        self.acme = root / "var/lib/vpsdeploy/acme"
        self.backups = root / "etc/vpsdeploy/backup"
        self.services = root / "etc/vpsdeploy/services"
        self.postgresql = root / "var/lib/postgresql"
        self.wal_spool = self.postgresql / "vpsdeploy-wal"
        self.wal_base = self.postgresql / "vpsdeploy-base"
        self.wal_recovery = self.postgresql / "vpsdeploy-recovery"
        self.service_marks = self.state / "services"
        self.trust = root / "etc/ssl/vpsdeploy"
        self.alerts = root / "etc/vpsdeploy/alerts"
        self.integrity_file = self.state / "integrity.json"
        self.integrity_timer = self.units / "vpsdeploy-integrity.timer"

    def app(self, name: str) -> AppLayout:
        """Places of one app."""
        return AppLayout(self, name)

    def app_names(self) -> list[str]:
        """Apps that are provisioned here, sorted."""
        return sorted(path.stem for path in self.apps.glob("*.json"))

    def node(self, version: str) -> Path:
        """The program of one Node version."""
        return self.nodes / f"v{version}" / "bin" / "node"


class AppLayout:
    """Places that belong to one app."""

    def __init__(self, host: Layout, name: str) -> None:
        self.host, self.name = host, name
        self.facts_file = host.apps / f"{name}.json"
        self.home = host.root / "srv" / name
        self.releases = self.home / "releases"
        self.current = self.home / "current"
        self.slots = self.home / "slots"
        self.shared = self.home / "shared"
        self.store = self.home / "store"
        self.incoming = self.home / "incoming"
        self.installs = self.home / "installs"
        self.parts = self.incoming / "parts"
        self.state = host.state / name
        self.mutex_file = self.state / "mutex"
        self.closing_file = self.state / "closing"
        self.lock_file = self.state / "lock.json"
        self.waiting_file = self.state / "waiting.json"
        self.pools_file = self.state / "pools.json"
        self.pending_file = self.state / "pending.json"
        self.history_file = self.state / "history.jsonl"
        self.migrations_file = self.state / "migrations.jsonl"
        self.migrating_file = self.state / "migrating"
        self.installing_file = self.state / "installing"
        self.jobs_file = self.state / "jobs.json"
        self.cron_runs = self.state / "cron"
        self.job_envs = self.slots / "jobs"
        self.routes = host.state / "routes" / name
        self.green_marker = self.routes / "green"
        self.closed = self.routes / "closed"
        self.maintenance = self.routes / "maintenance"
        self.sizes = self.routes / "instances"
        self.without = self.routes / "without"
        self.https_names = self.routes / "https"
        self.tls_file = host.tls / f"{name}.json"
        self.tls = host.tls / name
        self.certificate = self.tls / "current"
        self.tls_mutex = self.state / "certificate.mutex"
        self.tls_tried_file = self.state / "certificate.json"
        self.backup_file = host.backups / f"{name}.json"
        self.backup_keys = host.backups / name
        self.backup = self.state / "backup"
        self.backup_mutex = self.backup / "mutex"
        self.backup_state_file = self.backup / "state.json"
        self.backup_asked_file = self.backup / "asked.json"
        self.wal_file = self.backup / "wal.json"
        self.wal_mutex = self.backup / "wal.mutex"
        self.rebuild_file = self.backup / "rebuild.json"
        self.staging = self.backup / "staging"
        self.restored = self.backup / "restored"
        self.replaced = self.backup / "replaced"
        self.backup_cache = host.root / "var/cache/vpsdeploy/backup" / name
        self.backup_unit = f"vpsdeploy-backup-{name}"
        self.drill_unit_of_backups = f"vpsdeploy-backup-drill-{name}"
        self.alerts_file = host.alerts / f"{name}.json"
        self.alerts_state_file = self.state / "alerts.json"
        self.access_log = host.nginx_logs / f"{name}.access.log"
        self.unit_file = host.units / f"{name}@.service"
        self.return_unit = f"vpsdeploy-return-{name}"
        self.drain_unit = f"vpsdeploy-drain-{name}"

    def canary(self, colour: str) -> Path:
        """Where nginx looks whether a request goes to a pool that is not live: a link to a `share`."""
        return self.routes / f"canary-{colour}"

    def share(self, percent: int) -> Path:
        """A directory with a file for each hundredth of the requests."""
        return self.routes / f".share-{percent}"

    def release(self, identifier: str) -> Path:
        """A complete release."""
        return self.releases / identifier

    def partial(self, identifier: str) -> Path:
        """A release that is being assembled."""
        return self.releases / f".{identifier}.partial"

    def stored(self, name: str) -> Path:
        """A file of the store; `name` is a digest, with "x" appended for the executable variant."""
        return self.store / name[:2] / name[2:]

    def offered(self, digest: str) -> Path:
        """A manifest that was offered and not assembled yet."""
        return self.incoming / f"{digest}.json"

    def offered_files(self, digest: str) -> Path:
        """Its list of files."""
        return self.incoming / f"{digest}.files"

    def installed(self, key: str) -> Path:
        """The list of the files that one installation made."""
        return self.installs / f"{key}.files"

    def slot(self, port: int) -> Path:
        """What the instance on a port runs: release, env."""
        return self.slots / str(port)

    def unit(self, port: int) -> str:
        """The unit of the instance on a port."""
        return f"{self.name}@{port}.service"

    def migrate_unit(self, identifier: str) -> str:
        """The unit of a release's migration, without .service."""
        return f"vpsdeploy-migrate-{self.name}-{identifier}"

    def drop_in(self, port: int) -> Path:
        """The slot's own lines for the unit."""
        return self.host.units / f"{self.unit(port)}.d" / "50-release.conf"

    def worker_unit(self, name: str, release: str, number: int) -> str:
        """The unit of one process of a worker. It names its release: old and new can run side by side."""
        return f"{self.name}-worker-{name}@{release}-{number}.service"

    def cron_unit(self, name: str, kind: str = "service") -> str:
        """The service or the timer of a cron entry. One for all releases: no entry runs twice at a time."""
        return f"{self.name}-cron-{name}.{kind}"

    def cron_run_file(self, name: str) -> Path:
        """What is known of a cron entry's runs on this host."""
        return self.cron_runs / f"{name}.json"

    def stamp(self, name: str) -> Path:
        """Where systemd keeps when a cron entry's timer came last (Persistent=yes)."""
        return self.host.stamps / f"stamp-{self.cron_unit(name, 'timer')}"

    def job_env(self, release: str, job: str) -> Path:
        """The environment of a job of a release; `job` is "worker-" or "cron-" and its name."""
        return self.job_envs / release / f"{job}.env"
