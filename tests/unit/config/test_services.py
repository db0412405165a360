"""`services:` of vpsdeploy.yml."""

from __future__ import annotations

import pytest

from orchestrator.config import document
from orchestrator.config.loader import check


def problems(text: str) -> list[str]:
    """What is wrong with `services`, as people read it."""
    found = check(document.parse(f"app: shop\nservices: {text}\n"))[1]
    return [problem.render("vpsdeploy.yml").removeprefix("vpsdeploy.yml:2: services") for problem in found]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{postgresql: {}}",
        "{postgresql: {memory: 25%, host: db-1, database: shop_1, connections: 1}}",
        "{postgresql: {memory: 80%}}",
        "{postgresql: {memory: 64M}}",
        "{rabbitmq: {memory: 256M, host: db-1}}",
        "{rabbitmq: {memory: 5%}}",
        "{mongodb: {memory: 512M, host: db-1, database: shop_1, connections: 1}}",
        "{kafka: {mirror: 'http://mirror.example.com:8080/apache/', memory: 512M}}",
    ],
)
def test_everything_can_be_left_out(text: str) -> None:
    """Or said."""
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{postgresq: {}}", '.postgresq: is no service; did you mean "postgresql"?'),
        ("{oracle: {}}", ".oracle: is no service; known are "),
        ("{mysql: {}}", ".mysql: write mariadb: Debian has no MySQL, and MariaDB speaks its protocol"),
        ("{mariadb: {database: root}}", '.mariadb.database: "root" is a name of the database server'),
        ("{rabbit: {}}", ".rabbit: write rabbitmq"),
        ("{rabbitmq: {database: shop}}", ": rabbitmq has no database to choose: leave it out"),
        ("{rabbitmq: {memory: 255M}}", ": rabbitmq needs a memory of 256M or more, 255M is less"),
        ("{nats: {connections: 5}}", ": nats has no connections to choose: leave it out"),
        ("{redis: {database: shop}}", ": redis has no database to choose: leave it out"),
        ("{mongo: {}}", ".mongo: write mongodb"),
        ("{mongodb: {memory: 511M}}", ": mongodb needs a memory of 512M or more, 511M is less"),
        ("{mongodb: {database: admin}}", '.mongodb.database: "admin" is a name of the database server'),
        ("{kafka: {memory: 511M}}", ": kafka needs a memory of 512M or more, 511M is less"),
        ("{kafka: {database: shop}}", ": kafka has no database to choose: leave it out"),
        (
            "{nats: {mirror: 'https://x.example'}}",
            ": nats has no mirror to choose: leave it out",
        ),
        ("{kafka: {mirror: mirror.example.com}}", '.kafka.mirror: "mirror.example.com" is not allowed'),
        ("{kafka: {mirror: 'ftp://mirror.example.com'}}", '.kafka.mirror: "ftp://mirror.example.com" is not'),
        (
            "{kafka: {mirror: 'https://me:word@x.example'}}",
            '.kafka.mirror: "https://me:word@x.example" is not allowed',
        ),
        (
            "{kafka: {mirror: 'https://x.example/a?b'}}",
            '.kafka.mirror: "https://x.example/a?b" is not allowed',
        ),
        (
            "{kafka: {mirror: 'https://x.example:999999'}}",
            '.kafka.mirror: "https://x.example:999999" is not allowed',
        ),
        ("[postgresql]", ": a list is not allowed; it must be "),
        (
            "{postgresql: }",
            ".postgresql: an empty value is not allowed; it must be a mapping with memory, host",
        ),
        ("{postgresql: {memry: 1G}}", '.postgresql.memry: unknown key; did you mean "memory"?'),
        (
            "{postgresql: {memory: 81%}}",
            '.postgresql.memory: "81%" is not allowed; it must be a size from 64M on, or',
        ),
        ("{postgresql: {memory: 63M}}", '.postgresql.memory: "63M" is not allowed'),
        ("{postgresql: {memory: 0%}}", '.postgresql.memory: "0%" is not allowed'),
        (
            "{postgresql: {database: my-shop}}",
            '.postgresql.database: "my-shop" is not allowed; it must be a small',
        ),
        ("{postgresql: {database: 'x; DROP'}}", '.postgresql.database: "x; DROP" is not allowed'),
        (
            "{postgresql: {database: postgres}}",
            '.postgresql.database: "postgres" is a name of the database server',
        ),
        ("{postgresql: {database: pg_x}}", '.postgresql.database: "pg_x" is a name of the database server'),
        (
            "{postgresql: {connections: 0}}",
            ".postgresql.connections: 0 is not allowed; it must be a whole number",
        ),
        ("{postgresql: {host: ' '}}", ".postgresql.host: "),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(text: str, said: str) -> None:
    """Each with its line and key, before any connection; a near name is told."""
    (found,) = problems(text)
    assert found.startswith(said), found
