"""MariaDB: asked, dumped and loaded over the socket of this host.

What is read is read as root. What somebody's dump says is carried out as a guest, who may do anything in one database
and nothing beyond it: a dump that names another one stops there, whoever made it. Its views, triggers, routines and
events are the guest's as well: whoever may make them in another's name may do anything, by a trigger of root's.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from orchestrator.agent import durable, programs
from orchestrator.agent.backup.statements import written
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.mariadb import granted, kept
from orchestrator.agent.programs import Finished

SOCKET = "--protocol=socket"
_CLIENT = (
    "mariadb",
    "--no-defaults",
    SOCKET,
    "--default-character-set=utf8mb4",
    "--batch",
    "--skip-column-names",
)
_GUEST, _MASON = "vpsdeploy_guest", "vpsdeploy_mason"
_END = "--vpsdeploy-end--"
_DENIED = re.compile(r"^ERROR (1044|1227) ", re.MULTILINE)
"""A guest wanted to go beyond its database. Source: MariaDB, errmsg-utf8.txt, ER_DBACCESS_DENIED_ERROR,
ER_SPECIFIC_ACCESS_DENIED_ERROR."""

_DEFINER = re.compile(
    rb"((?:/\*!\d+ CREATE\*/ |CREATE )?(?:/\*!\d+ )?)DEFINER=`(?:[^`]|``)+`(?:@`(?:[^`]|``)*`)?"
)
"""Whom a view, a trigger, a routine or an event is carried out as: how a line of a dump begins that says it.
Source: MariaDB, client/mysqldump.c; MySQL's is the same. One that is written otherwise is denied."""

_ALTERED = re.compile(rb"ALTER DATABASE `(?:[^`]|``)+` (?=CHARACTER SET )")
"""A routine's own collation, where the database has had another since. It names the database that was dumped.
Source: MariaDB, client/mysqldump.c, switch_db_collation."""

_ESCAPED = {r"\n": "\n", r"\t": "\t", r"\0": "\0", r"\\": "\\"}
"""Source: MariaDB, client/mysql.cc, safe_put_field without --raw."""

TABLES = (
    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} "
    "AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
)
"""The tables whose rows a dump holds: no views, no sequences."""


def name(text: str) -> str:
    """A name as SQL takes it."""
    return "`" + text.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


sql = written(name, literal)


def account(text: str) -> str:
    """An account, user@host, as SQL takes it."""
    user, _, host = text.rpartition("@")
    return f"{literal(user)}@{literal(host)}"


class Server:
    """The server of this host."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def ask(self, statements: str, database: str = "") -> list[list[str]]:
        """The rows of an answer.

        Raises: BackupFailed: the server refuses it, with its words.
        """
        return rows(programs.fed([*_CLIENT, database], statements))

    def one(self, statement: str, database: str = "") -> str:
        """The only value of an answer; empty where there is none."""
        rows = self.ask(statement, database)
        return rows[0][0] if rows else ""

    def exists(self, database: str) -> bool:
        """Whether there is a database of this name."""
        schemata = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME ="
        return bool(self.ask(f"{schemata} {literal(database)}"))

    def tables(self, database: str) -> list[str]:
        """Those that have rows."""
        return [row[0] for row in self.ask(f"{TABLES.format(database=literal(database))} ORDER BY 1")]

    def drop(self, database: str) -> None:
        """Remove a database, if it is there."""
        self.ask(f"DROP DATABASE IF EXISTS {name(database)}")

    def write(self, words: list[str], file: Path) -> None:
        """What mariadb-dump prints, at the end of a file.

        Raises: BackupFailed: it did not come to its end.
        """
        command = [
            "sh",
            "-c",
            'exec "$@" >> "$0"',
            str(file),
            "mariadb-dump",
            "--no-defaults",
            SOCKET,
            *words,
        ]
        checked(self._call.systemd.program(command))

    def feed(self, database: str, lines: Iterable[bytes], definer: str = "") -> None:
        """Carry out statements in one database. The first error ends it.

        Args:
            database: Where they may do anything.
            lines: Of a file.
            definer: The account that views, triggers, routines and events are carried out as. Only for what
                mariadb-dump has just written here: it is carried out as somebody who may name others.
        Raises: BackupFailed: it did not come to its end.
        """
        with self.guest(database, names_others=bool(definer)) as access:
            carry_out(access, database, lines, definer)

    @contextlib.contextmanager
    def guest(self, database: str, *, names_others: bool = False) -> Iterator[Path]:
        """An account that is there for as long as the block runs.

        Yields: a file of root's that the client logs in with.
        """
        name_ = _MASON if names_others else _GUEST
        access = self._call.layout.run / name_
        access.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        password, who = secrets.token_urlsafe(32), account(f"{name_}@localhost")
        more = f"GRANT SET USER ON *.* TO {who};\n" if names_others else ""
        try:
            self.ask(
                f"CREATE OR REPLACE USER {who} IDENTIFIED VIA mysql_native_password USING '{kept(password)}';\n"
                f"{more}GRANT ALL PRIVILEGES ON {granted(database)}.* TO {who};"
            )
            text = f"[client]\nuser={name_}\npassword={password}\n"
            durable.write(access, text.encode(), 0o600, sync=False)
            yield access
        finally:
            access.unlink(missing_ok=True)
            self.ask(f"DROP USER IF EXISTS {who}")

    def forget_guests(self) -> None:
        """Remove those that something interrupted has left."""
        self.ask("".join(f"DROP USER IF EXISTS {account(f'{one}@localhost')};\n" for one in (_GUEST, _MASON)))

    @contextlib.contextmanager
    def session(self, database: str = "") -> Iterator[Session]:
        """One connection, for as long as the block runs."""
        with subprocess.Popen(
            [*_CLIENT, "--unbuffered", database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield Session(process)
            finally:
                with contextlib.suppress(OSError):
                    if process.stdin:
                        process.stdin.close()
                process.kill()


class Session:
    """A connection that keeps what it locks and what it sees."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, statements: str) -> list[list[str]]:
        """The rows of an answer.

        Raises: BackupFailed: the server refused it, or is gone.
        """
        with contextlib.suppress(BrokenPipeError):
            stream = cast(IO[bytes], self._process.stdin)  # it is a pipe
            stream.write(f"{statements};\nSELECT '{_END}';\n".encode())
            stream.flush()
        lines, output = list[str](), cast(IO[bytes], self._process.stdout)
        while (line := output.readline().decode(errors="replace")) and (text := line[:-1]) != _END:
            lines.append(text)
        if not line:
            said = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
            raise BackupFailed("MariaDB refused", why=told(said) or "the connection ended")
        return _rows(lines)


def carry_out(access: Path, database: str, lines: Iterable[bytes], definer: str = "") -> None:
    """Statements, as a guest that is there.

    Raises: BackupFailed: they did not come to their end.
    """
    done = programs.streamed(loader(access, database), placed(lines, definer))
    if _DENIED.search(done.errors):
        raise BackupFailed(
            "the dump is not of one database alone", why=told(done.errors),
            next="make it of one, without --databases: it says into which one it goes otherwise; MySQL's also with "
            "--set-gtid-purged=OFF",
        )  # fmt: skip
    checked(done)


def placed(lines: Iterable[bytes], definer: str = "") -> Iterator[bytes]:
    """A dump's lines, made to fit the database that they go to, and the account that its code is carried out as.

    A row of a table begins with a bracket, or with its statement: neither is taken for such a line.
    """
    whom = b"\\1DEFINER=" + (definer.encode() or b"CURRENT_USER")
    for line in lines:
        if _DEFINER.match(line):
            yield _DEFINER.sub(whom, line, count=1)
        else:
            yield _ALTERED.sub(b"ALTER DATABASE ", line, count=1) if line.startswith(b"ALTER ") else line


def loader(access: Path, database: str) -> list[str]:
    """The client, logged in as a guest; of its own commands it takes only DELIMITER, so no file can start a program."""
    return ["mariadb", f"--defaults-file={access}", SOCKET, "--binary-mode", "--sandbox", "--batch", database]


def checked(done: Finished) -> Finished:
    """The answer, if it is one.

    Raises: BackupFailed: with what was said.
    """
    if done.code != 0:
        raise BackupFailed("MariaDB refused", why=told(done.errors) or f"exit code {done.code}")
    return done


def told(errors: str) -> str:
    """The errors alone: the client repeats the whole statement before them."""
    lines = errors.strip().splitlines()
    found = [line for line in lines if line.startswith("ERROR ") or "mariadb-dump: " in line]
    return "; ".join(found or lines)[-1000:]


def rows(done: Finished) -> list[list[str]]:
    """Of an answer.

    Raises: BackupFailed: it is none.
    """
    # No other character ends a line, though Python's splitlines() knows some.
    return _rows(checked(done).output.split("\n")[:-1])


def _rows(lines: list[str]) -> list[list[str]]:
    return [[re.sub(r"\\.", _plain, value) for value in line.split("\t")] for line in lines]


def _plain(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[0], found[0])
