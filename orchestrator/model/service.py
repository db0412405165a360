"""Services of an app on the user's own machines: which there are, where each runs, and how it is."""

from __future__ import annotations

from dataclasses import dataclass

POSTGRESQL = "postgresql"
REDIS = "redis"

SERVICES = (POSTGRESQL, REDIS)
"""Names under `services` in vpsdeploy.yml; each is a role of the same name."""

SQL = (POSTGRESQL,)
"""Services that have databases with names."""

CONSOLES = (POSTGRESQL, REDIS)
"""Services that have a client for people."""

PORTS = {POSTGRESQL: 5432, REDIS: 6379}
"""Where each listens: its usual port, so that every client's default fits."""

VARIABLES = {POSTGRESQL: "DATABASE_URL", REDIS: "REDIS_URL"}
"""Env variables that the app finds its credentials in, as NestJS apps read them."""

TRUST_VARIABLE = "NODE_EXTRA_CA_CERTS"
"""Where Node learns to trust further certificates. Source: nodejs.org/api/cli.html."""

TRUST_FILE = "/etc/ssl/vpsdeploy/{app}.pem"
"""On app hosts: the certificates of the app's services elsewhere (equal to the agent's; a test compares them)."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the app, on the host that carries it.

    Attributes:
        kind: One of SERVICES.
        host: Inventory name of the host that carries it.
        address: What the app connects to: loopback where all of its instances run beside it.
        clients: Private addresses of app hosts elsewhere, which connect by TLS; empty where there are none.
        user: Login of the app.
        database: Name of the app's database; empty where the service has none of names.
        memory: What it may use: a size, or a share of the host's.
        connections: Most connections of the app (count).
    """

    kind: str
    host: str
    address: str
    clients: tuple[str, ...]
    user: str
    database: str
    memory: str
    connections: int

    @property
    def port(self) -> int:
        """Where it listens."""
        return PORTS[self.kind]

    @property
    def variable(self) -> str:
        """The env variable with the app's credentials."""
        return VARIABLES[self.kind]

    @property
    def is_remote(self) -> bool:
        """Whether an app host elsewhere connects to it."""
        return bool(self.clients)


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """How a service is, as its host says.

    Attributes:
        running: Whether it answers.
        version: As it says itself; empty where it does not answer.
        memory_bytes: Of all its processes; None where systemd does not count.
        connections: Open ones of the app (count); None where it does not answer.
        connections_max: Most that the app may open (count).
        data_bytes: Size of the app's data; None where it does not answer.
        waits: Settings that wait for a restart.
        why: What is wrong; empty where nothing is.
    """

    kind: str
    host: str
    running: bool
    version: str = ""
    memory_bytes: int | None = None
    connections: int | None = None
    connections_max: int = 0
    data_bytes: int | None = None
    waits: tuple[str, ...] = ()
    why: str = ""
