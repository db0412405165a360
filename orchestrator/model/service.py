"""Services of an app on the user's own machines: which there are, where each runs, and how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

POSTGRESQL = "postgresql"
MARIADB = "mariadb"
REDIS = "redis"
RABBITMQ = "rabbitmq"
NATS = "nats"
MONGODB = "mongodb"
KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is the same of a kind of service wherever it runs.

    Attributes:
        port: Where it listens: its usual one, so that every client's default fits.
        variable: The env variable that the app finds its credentials in, as NestJS apps read them.
        memory: What it may use beside the app, where vpsdeploy.yml does not say (our choice).
        memory_alone: The same on a host that runs no instances.
        has_databases: Whether its databases have names, and each user's connections a limit.
        instead: What to look into it with on its host, where it has no client that logs in as the app.
        least_memory: A size, below which it serves nobody.
        has_mirror: Whether it comes from its maker's archive, which may have a mirror; all else is Debian's.
        second: Its variable where another service of the app has that name; empty where it gives way to none.
        is_file: Whether its database can be dumped into a file.
        is_loaded: Whether it can be loaded from one as well.
        is_backed_up: Whether backups hold its data; where they do not, everything that shows it says so.
    """

    port: int
    variable: str
    memory: str
    memory_alone: str
    has_databases: bool = False
    instead: str = ""
    least_memory: str = "64M"
    second: str = ""
    is_file: bool = False
    is_loaded: bool = False
    is_backed_up: bool = True
    has_mirror: bool = False


KINDS: Mapping[str, Kind] = {
    POSTGRESQL: Kind(5432, "DATABASE_URL", "25%", "50%", has_databases=True, is_file=True, is_loaded=True),
    MARIADB: Kind(
        3306,
        "DATABASE_URL",
        "25%",
        "50%",
        has_databases=True,
        second="MYSQL_URL",
        is_file=True,
        is_loaded=True,
    ),
    REDIS: Kind(6379, "REDIS_URL", "10%", "20%"),
    RABBITMQ: Kind(
        5672, "AMQP_URL", "25%", "50%", instead="rabbitmqctl list_queues --vhost {user}", least_memory="256M"
    ),
    NATS: Kind(4222, "NATS_URL", "10%", "20%", instead="curl '127.0.0.1:8222/jsz?streams=1'"),
    MONGODB: Kind(
        27017,
        "MONGODB_URI",
        "25%",
        "50%",
        has_databases=True,
        least_memory="512M",
        is_file=True,
        is_backed_up=False,
    ),
    KAFKA: Kind(
        9092, "KAFKA_URL", "25%", "50%", least_memory="512M", has_mirror=True,
        instead="/opt/kafka/bin/kafka-topics.sh --bootstrap-server 127.0.0.1:9094 "
        "--command-config /etc/kafka/admin.properties --list",
    ),
}  # fmt: skip
"""By the name under `services` in vpsdeploy.yml; each is a role of the same name."""

SERVICES = tuple(KINDS)
NAMED = tuple(name for name, kind in KINDS.items() if kind.has_databases)
FILES = tuple(name for name, kind in KINDS.items() if kind.is_file)
LOADED = tuple(name for name, kind in KINDS.items() if kind.is_loaded)
UNPROTECTED = tuple(name for name, kind in KINDS.items() if not kind.is_backed_up)
CONSOLES = tuple(name for name, kind in KINDS.items() if not kind.instead)

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
        variable: The env variable with its URL.
        pool: Most connections of one process of the app (count); 0 where nobody counts them.
        mirror: Where its archive is fetched from in its maker's place; empty for its maker.
    """

    kind: str
    host: str
    address: str
    clients: tuple[str, ...]
    user: str
    database: str
    memory: str
    connections: int
    variable: str
    pool: int = 0
    mirror: str = ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return KINDS[self.kind].port

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
