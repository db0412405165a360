"""Stages and hosts, as the inventory names them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

GROUP_APP = "app"
GROUP_LOADBALANCER = "loadbalancer"
GROUP_DATA = "data"


@dataclass(frozen=True, slots=True)
class Host:
    """One inventory name.

    Attributes:
        name: As the inventory spells it.
        address: What SSH connects to (ansible_host, or the name).
        private_address: What load balancers connect to (vpsdeploy_private_address, or the address).
        port: SSH port.
        user: Whom Ansible logs in as (root or a sudoer); releases log in as the deploy user.
        admin_user: Who may become root once the host is provisioned, and root itself may not log in any more; empty
            where there is none.
        key_file: Private key; None uses the SSH agent and the default keys.
        groups: app, loadbalancer, data, or several of them.
        reboot_at: When it may restart by itself where an upgrade asks for it (HH:MM, its own time); empty for never.
    """

    name: str
    address: str
    private_address: str = ""
    port: int = 22
    user: str = "root"
    admin_user: str = "admin"
    key_file: Path | None = None
    groups: frozenset[str] = frozenset()
    reboot_at: str = ""

    @property
    def logins(self) -> tuple[str, ...]:
        """Whom to try to log in as: root is closed once a host is provisioned, so the administrator comes first."""
        first = self.admin_user if self.user == "root" else ""
        return (first, self.user) if first else (self.user,)

    @property
    def is_app(self) -> bool:
        """Whether instances run here."""
        return GROUP_APP in self.groups

    @property
    def is_loadbalancer(self) -> bool:
        """Whether nginx runs here."""
        return GROUP_LOADBALANCER in self.groups

    @property
    def is_data(self) -> bool:
        """Whether services are put here, where vpsdeploy.yml names no host for them."""
        return GROUP_DATA in self.groups


@dataclass(frozen=True, slots=True)
class Stage:
    """production, staging, sandbox: a folder under inventories/.

    Attributes:
        name: The folder's name.
        path: The inventory file, inventories/<stage>/hosts.yml.
        known_hosts: Host keys of this stage, inventories/<stage>/known_hosts; read beside the user's own file.
        hosts: In the order of the inventory.
    """

    name: str
    path: Path
    known_hosts: Path
    hosts: tuple[Host, ...] = field(default=())

    @property
    def secrets(self) -> Path:
        """The file of its secrets, inventories/<stage>/secrets.yml; it need not be there."""
        return self.path.with_name("secrets.yml")

    @property
    def backup_secrets(self) -> Path:
        """The keys of its backups, inventories/<stage>/backup.yml: apart from what the app is given."""
        return self.path.with_name("backup.yml")

    @property
    def app_hosts(self) -> tuple[Host, ...]:
        """Hosts that run instances."""
        return tuple(h for h in self.hosts if h.is_app)

    @property
    def loadbalancers(self) -> tuple[Host, ...]:
        """Hosts that run nginx."""
        return tuple(h for h in self.hosts if h.is_loadbalancer)
