"""MariaDB: the app's database, its user and password; how the server is. Asked over its socket as root."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from orchestrator.agent import programs
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady

_CLIENT = (
    "mariadb", "--no-defaults", "--protocol=socket", "--connect-timeout=10", "--batch", "--skip-column-names", "--raw"
)  # fmt: skip
LOOPBACK = ("127.0.0.1", "::1")

# What an account has not is absent from Priv.
_STATE = """
SELECT JSON_OBJECT(
  'users', (SELECT JSON_OBJECTAGG(Host, JSON_OBJECT('kept', JSON_VALUE(Priv, '$.authentication_string'),
              'limit', JSON_VALUE(Priv, '$.max_user_connections'), 'tls', JSON_VALUE(Priv, '$.ssl_type'),
              'locked', JSON_VALUE(Priv, '$.account_locked')))
            FROM mysql.global_priv WHERE User = '{user}'),
  'granted', (SELECT JSON_ARRAYAGG(Host) FROM mysql.db
              WHERE User = '{user}' AND REPLACE(Db, '\\\\', '') = '{database}'),
  'database', (SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{database}'),
  'settings', JSON_OBJECT({settings}));
"""
_HEALTH = """
SELECT JSON_OBJECT('version', @@version,
  'connections', (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{user}'),
  'data_bytes', (SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES
                 WHERE TABLE_SCHEMA = '{database}'),
  'bind', @@bind_address, 'settings', JSON_OBJECT({settings}));
"""
# Wherever it breaks off: nobody gets in without the password, and what is missing is seen the next time.
_USER = (
    "CREATE USER IF NOT EXISTS '{user}'@'{host}' IDENTIFIED VIA mysql_native_password USING '{kept}' ACCOUNT LOCK;\n"
    "GRANT ALL PRIVILEGES ON {database}.* TO '{user}'@'{host}';\n"
    "ALTER USER '{user}'@'{host}' IDENTIFIED VIA mysql_native_password USING '{kept}' REQUIRE {tls} "
    "WITH MAX_USER_CONNECTIONS {limit} ACCOUNT UNLOCK;\n"
)
_DATABASE = "CREATE DATABASE `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n"


def ensure(_: Call, settings: dict[str, Any], password: str) -> list[str]:
    """The app's user with this password, from the hosts that may use it; its database; the limits that are asked for.

    Returns: What was changed.
    Raises: HostNotReady: the server does not answer.
    """
    state = json.loads(_asked(_STATE.format(**_names(settings))))
    changed, statements = [], ""
    if not state["database"]:
        changed.append(f"database {settings['database']}")
        statements += _DATABASE.format(**settings)
    found, may = _parsed(state["users"]) or {}, _parsed(state["granted"]) or []
    users, sql = _users(settings, found, may, kept(password))
    changed, statements = changed + users, statements + sql
    for name, wanted in settings["settings"].items():
        if int(state["settings"][name]) != wanted:
            changed.append(name)
            statements += f"SET GLOBAL {name} = {wanted};\n"
    if statements:
        _asked(statements)
    return changed


def health(_: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Version, connections and size, as the server says.

    Raises: HostNotReady: it does not answer.
    """
    found = json.loads(_asked(_HEALTH.format(**_names(settings))))
    address = settings["address"]
    waits = [] if address in str(found["bind"]).split(",") else ["bind_address"]
    waits += [name for name, wanted in settings["settings"].items() if int(found["settings"][name]) != wanted]
    return {
        "version": str(found["version"]).partition("-")[0], "connections": int(found["connections"]),
        "data_bytes": int(found["data_bytes"]), "waits": waits,
    }  # fmt: skip


def client(settings: dict[str, Any], password: str) -> tuple[list[str], dict[str, str]]:
    """MariaDB's client as the app's user; nothing that is typed is kept."""
    command = ["mariadb", "--no-defaults", f"--host={settings['address']}", f"--user={settings['user']}"]
    if settings["certificate"]:
        command += [f"--ssl-ca={settings['certificate']}", "--ssl-verify-server-cert"]
    environment = {"MYSQL_PWD": password, "MYSQL_HISTFILE": "/dev/null"}
    return [*command, settings["database"]], environment


def kept(password: str) -> str:
    """What the server keeps of a password. Source: MariaDB, mysql_native_password: SHA-1 twice; of 256 random bits."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def granted(database: str) -> str:
    """A database's name as GRANT takes it, where _ would stand for any letter."""
    return "`" + database.replace("`", "``").replace("_", r"\_").replace("%", r"\%") + "`"


def hosts(settings: dict[str, Any]) -> dict[str, str]:
    """Where the app may come from, each with what it takes: SSL, or NONE."""
    return dict.fromkeys(LOOPBACK, "NONE") | dict.fromkeys(settings.get("clients") or [], "SSL")


def _users(
    settings: dict[str, Any], found: dict[str, Any], may: list[str], digest: str
) -> tuple[list[str], str]:
    """An account for each host that may connect; those of hosts that left are locked. Returns: words and SQL.

    They are not dropped: views, triggers and routines that a migration made from there run as them, and would fail.
    """
    wanted, user, changed, statements = hosts(settings), settings["user"], list[str](), ""
    for host, tls in wanted.items():
        state = found.get(host) or {}
        alike = (
            host in may
            and state.get("kept") == digest
            and int(state.get("limit") or 0) == settings["connections"]
            and (str(state.get("tls") or "0") != "0") == (tls == "SSL")
            and not _is_locked(state)
        )
        if not alike:
            names = {"host": host, "tls": tls, "kept": digest, "limit": settings["connections"]}
            statements += _USER.format(**names, user=user, database=granted(settings["database"]))
            changed.append(f"user {user}")
    for host in found.keys() - wanted.keys():
        if not _is_locked(found[host]):
            statements += f"ALTER USER '{user}'@'{host}' ACCOUNT LOCK;\n"
            changed.append(f"user {user}")
    return list(dict.fromkeys(changed)), statements


def _parsed(found: Any) -> Any:
    """What a subquery brings is a text to MariaDB, though it be JSON."""
    return json.loads(found) if isinstance(found, str) else found


def _is_locked(state: dict[str, Any]) -> bool:
    """Source: MariaDB, mysql.global_priv: true, which JSON_VALUE gives as 1."""
    return str(state.get("locked") or "0").lower() in ("1", "true")


def _names(settings: dict[str, Any]) -> dict[str, Any]:
    asked = ", ".join(f"'{name}', @@{name}" for name in settings["settings"])
    return {"user": settings["user"], "database": settings["database"], "settings": asked}


def _asked(sql: str) -> str:
    """SQL on standard input: no argument has what is secret.

    Raises: HostNotReady
    """
    done = programs.fed(_CLIENT, sql)
    if done.code != 0:
        # An error quotes the statement behind "near"; what it repeats of it before stands between lines of dashes.
        lines = [line for line in done.errors.splitlines() if line.startswith("ERROR ")]
        why = "; ".join(line.partition(" near ")[0] for line in lines[-3:]) or "it said nothing"
        raise HostNotReady("mariadb does not do what it is asked", why=why, next="journalctl -u mariadb")
    return done.output
