"""PostgreSQL: the app's database, its user and password; how the server is. Asked over its socket as `postgres`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from orchestrator.agent import programs
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady

_PSQL = (
    "runuser", "-u", "postgres", "--",
    "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--dbname=postgres",
)  # fmt: skip
_QUIETLY = "SET log_statement = 'none';\nSET log_min_duration_statement = -1;\nSET log_min_error_statement = 'panic';\n"
"""The server's log has nothing of what we say, whatever it is set to."""
_ITERATIONS = 4096
"""Source: PostgreSQL 15 to 17, scram_iterations. The password has 256 random bits: more would not help."""
_SALT_BYTES = 16

# Rules for TLS count as wrong until the restart that brings TLS: that is no fault of theirs.
_STATE = """
SELECT json_build_object(
  'password', (SELECT rolpassword FROM pg_authid WHERE rolname = '{user}'),
  'user', (SELECT rolconnlimit FROM pg_authid WHERE rolname = '{user}'),
  'owner', (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{database}'),
  'others', (SELECT count(*) FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')),
  'checksums', current_setting('data_checksums'),
  'major', current_setting('server_version_num')::int / 10000,
  'refused', (SELECT json_agg(error) FROM pg_hba_file_rules WHERE error NOT LIKE 'hostssl record%'));
"""
_HEALTH = """
SELECT json_build_object(
  'version', current_setting('server_version'),
  'major', current_setting('server_version_num')::int / 10000,
  'connections', (SELECT count(*) FROM pg_stat_activity WHERE usename = '{user}'),
  'data_bytes', (SELECT pg_database_size(oid) FROM pg_database WHERE datname = '{database}'),
  'waits', (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings WHERE pending_restart));
"""
_ROLE = (
    '{verb} ROLE "{user}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT {limit} '
    "PASSWORD '{verifier}';\n"
)
_LIMIT = 'ALTER ROLE "{user}" CONNECTION LIMIT {limit};\n'
# C.UTF-8 sorts by code point: no update of the C library ever changes an index's order.
_DATABASE = (
    "CREATE DATABASE \"{database}\" OWNER \"{user}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';\n"
    'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;\n'
)


def ensure(call: Call, settings: dict[str, Any], password: str) -> list[str]:
    """The app's user with this password, and its database. One question where nothing differs.

    Returns: What was changed.
    Raises: HostNotReady: the server does not answer, is of another version, or refuses its own rules; the database is
        somebody else's.
    """
    names = {"user": settings["user"], "database": settings["database"], "limit": settings["connections"]}
    state = json.loads(_asked(_STATE.format(**names)))
    _check_version(state.pop("major"), settings)
    if state["refused"]:
        raise HostNotReady(
            "postgresql refuses its pg_hba.conf", why="; ".join(state["refused"]),
            next="vpsdeploy provision host --full",
        )  # fmt: skip
    if state["owner"] not in (None, names["user"]):
        raise HostNotReady(
            f"the database {names['database']} is not ours", why=f"it belongs to {state['owner']}",
            state="it was left as it is", next="set services.postgresql.database in vpsdeploy.yml to another name",
        )  # fmt: skip
    changed, statements = _differences(state, names, password)
    if state["checksums"] == "off" and not state["others"]:
        _enable_checksums(call, settings)
        changed.append("checksums")
    if statements:
        _asked(statements)
    return changed


def health(_: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Version, connections and size, as the server says.

    Raises: HostNotReady: it does not answer, or another one does.
    """
    found: dict[str, Any] = json.loads(_asked(_HEALTH.format(**settings)))
    _check_version(found.pop("major"), settings)
    # "17.7 (Debian 17.7-0+deb13u1)"
    return {**found, "version": found["version"].partition(" ")[0]}


def client(settings: dict[str, Any], password: str) -> tuple[list[str], dict[str, str]]:
    """psql as the app's user; nothing that is typed is kept."""
    command = [
        "psql",
        "--host=127.0.0.1",
        f"--username={settings['user']}",
        f"--dbname={settings['database']}",
    ]
    return command, {"PGPASSWORD": password, "PGAPPNAME": "vpsdeploy console", "PSQL_HISTORY": "/dev/null"}


def verifier(password: str, salt: bytes, iterations: int = _ITERATIONS) -> str:
    """What the server keeps of a password: nobody can log in with it. Source: RFC 5803, RFC 7677."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored, server = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{parts[0]}${parts[1]}:{parts[2]}"


def fits(kept: str | None, password: str) -> bool:
    """Whether this is the password that the server keeps."""
    try:
        kind, costs, _ = (kept or "").split("$")
        iterations, salt = costs.split(":")
        made = verifier(password, base64.b64decode(salt), int(iterations))
    except ValueError:
        return False
    return kind == "SCRAM-SHA-256" and hmac.compare_digest(made, kept or "")


def _differences(state: dict[str, Any], names: dict[str, Any], password: str) -> tuple[list[str], str]:
    """What is to be changed, in words and in SQL."""
    changed, statements = [], ""
    if not fits(state["password"], password):
        verb = "CREATE" if state["user"] is None else "ALTER"
        changed.append(f"user {names['user']}" if verb == "CREATE" else f"password of {names['user']}")
        kept = verifier(password, secrets.token_bytes(_SALT_BYTES))
        statements += _ROLE.format(verb=verb, verifier=kept, **names)
    elif state["user"] != names["limit"]:
        changed.append(f"connections of {names['user']}")
        statements += _LIMIT.format(**names)
    if state["owner"] is None:
        changed.append(f"database {names['database']}")
        statements += _DATABASE.format(**names)
    return changed, statements


def _check_version(major: int, settings: dict[str, Any]) -> None:
    """An upgrade of Debian itself leaves two servers: the one that has the app's data, and an empty one.

    Raises: HostNotReady: it is not the one that provisioning has set up.
    """
    if str(major) == settings["version"]:
        return
    raise HostNotReady(
        "another version of PostgreSQL answers", why=f"it is {major}, and the app's data are in {settings['version']}",
        state="nothing was changed in it", next="docs/runbooks/database-upgrade.md, Debian itself was upgraded",
    )  # fmt: skip


def _enable_checksums(call: Call, settings: dict[str, Any]) -> None:
    """While nothing is in it yet: Debian makes clusters without, and later it would take as long as a copy."""
    unit, version = settings["unit"], settings["version"]
    program = f"/usr/lib/postgresql/{version}/bin/pg_checksums"
    call.systemd.stop([unit])
    try:
        call.systemd.run_checked(
            ["runuser", "-u", "postgres", "--", program, "--enable", f"/var/lib/postgresql/{version}/main"]
        )
    finally:
        call.systemd.start([unit])


def _asked(sql: str) -> str:
    """SQL on standard input: no argument, no log.

    Raises: HostNotReady
    """
    done = programs.fed(_PSQL, f"{_QUIETLY}{sql}")
    if done.code != 0:
        raise HostNotReady(
            "postgresql does not do what it is asked",
            why=_told(done.errors),
            next="journalctl -u 'postgresql@*'",
        )
    return done.output


def _told(errors: str) -> str:
    """Its own words, without the statement: that may hold what is secret."""
    lines = [line for line in errors.splitlines() if not line.startswith(("LINE ", " "))]
    return "; ".join(lines[-3:]) or "it said nothing"
