"""PostgreSQL: asked and dumped as its own superuser, over the socket of this host.

What it is asked so is in its own catalogs alone, each name of which is taken from nowhere else. Whatever SQL of
somebody else's has a part in (a dump, an app's tables, which may have functions in their indexes) is a guest's:
postgres_guest.

A dump and the row counts beside it show one and the same moment: both read the snapshot that one transaction exports
and holds open. So a restore can be compared with what was there, however busy the database was meanwhile.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from orchestrator.agent.backup.statements import written
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.programs import Finished

AS_POSTGRES = ("env", "--chdir=/", "runuser", "-u", "postgres", "--")
_SAFE = "search_path=pg_catalog"
"""A database may say itself where names are looked for: it is not its owner who says what a superuser calls."""

_END = "--vpsdeploy-end--"
_SEPARATOR = "\x1f"

ROWS = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2"""
"""The tables whose rows a dump holds: ordinary ones, the parts of partitioned ones among them, and no extension's."""


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"


sql = written(quoted, literal)
"""As PostgreSQL's own format() does."""


class Cluster:
    """The server on one port of this host, as its superuser; `socket`: in another directory than the usual one."""

    def __init__(self, call: Call, port: int, socket: Path | None = None) -> None:
        self.call, self.port, self.socket = call, str(port), socket
        self.to: tuple[str, ...] = ("-p", self.port, *(("-h", str(socket)) if socket else ()))
        self.who: tuple[str, ...] = AS_POSTGRES
        self.settings: tuple[str, ...] = (_SAFE,)

    def ask(self, database: str, statement: str, *settings: str) -> list[list[str]]:
        """The rows of an answer.

        Args:
            database: Where to.
            statement: One, or several.
            settings: Of the session, such as statement_timeout=60s, in the place of the usual ones.
        Raises: BackupFailed: the server refuses it, with its words.
        """
        done = self.call.systemd.program([*self._psql(database, settings or self.settings), "-c", statement])
        return [
            line.split(_SEPARATOR) for line in self.checked(done, "PostgreSQL refused").output.splitlines()
        ]

    def one(self, database: str, statement: str) -> str:
        """The only value of an answer; empty where there is none."""
        rows = self.ask(database, statement)
        return rows[0][0] if rows else ""

    def exists(self, database: str) -> bool:
        """Whether there is a database of this name."""
        return bool(self.ask("postgres", sql("SELECT 1 FROM pg_database WHERE datname = %L", database)))

    def version(self) -> int:
        """Of the server, such as 170002."""
        return int(self.one("postgres", "SHOW server_version_num"))

    def write(self, program: Sequence[str], file: Path) -> None:
        """Run one of PostgreSQL's programs, into a file of root's."""
        # No pipe: the exit code is the program's own. The file is opened by root, and inherited.
        words = ["sh", "-c", 'exec "$@" > "$0"', str(file), *self.who]
        done = self.call.systemd.program([*words, program[0], *self.to, *program[1:]])
        self.checked(done, f"{program[0]} failed")

    def checked(self, done: Finished, what: str) -> Finished:
        """The answer, if it is one.

        Raises: BackupFailed: with the last lines of what was said.
        """
        if done.code != 0:
            said = "\n".join(done.errors.strip().splitlines()[-8:])
            raise BackupFailed(what, why=said or f"exit code {done.code}")
        return done

    def _psql(self, database: str, settings: Sequence[str]) -> list[str]:
        options = ["env", "PGOPTIONS=" + " ".join(f"-c {one}" for one in settings)]
        quiet = ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-F", _SEPARATOR]
        return [*self.who, *options, *quiet, *self.to, "-d", database]

    @contextlib.contextmanager
    def session(self, database: str, *settings: str) -> Iterator[Session]:
        """A connection for as long as the block runs: what it began and did not commit is taken back at its end.

        Args:
            database: Where to.
            settings: In the place of the usual ones.
        """
        words = self._psql(database, settings or self.settings)
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                yield Session(process)
            finally:
                with contextlib.suppress(OSError):
                    if process.stdin:
                        process.stdin.close()
                process.kill()

    @contextlib.contextmanager
    def moment(self, database: str, of: str = "") -> Iterator[Moment]:
        """One moment of a database, held still for as long as the block runs; `of`: the one that another holds."""
        with self.session(database, _SAFE) as session:
            yield Moment(session, of)


class Session:
    """A connection that keeps what it locks and what it sees."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, statements: str) -> list[list[str]]:
        """The rows of an answer; of several statements, of all of them.

        Raises: BackupFailed: the server refused it, or is gone.
        """
        self._say(f"{statements};\n\\echo {_END}")
        rows: list[list[str]] = []
        while (line := self._out.readline()) and (text := line.rstrip("\n")) != _END:
            rows.append(text.split(_SEPARATOR))
        if not line:
            said = self._process.stderr.read() if self._process.stderr else ""
            raise BackupFailed("PostgreSQL refused", why=said.strip()[-1000:] or "the connection ended")
        return rows

    @property
    def _out(self) -> IO[str]:
        return cast(IO[str], self._process.stdout)  # it is a pipe

    @property
    def _in(self) -> IO[str]:
        return cast(IO[str], self._process.stdin)

    def _say(self, text: str) -> None:
        try:
            self._in.write(text + "\n")
            self._in.flush()
        except BrokenPipeError:
            said = self._process.stderr.read() if self._process.stderr else ""
            raise BackupFailed("PostgreSQL refused", why=said.strip()[-1000:]) from None


class Moment:
    """A transaction that sees one moment.

    Attributes:
        id: What other transactions see the same moment by.
        at: When it is (seconds since the epoch), by the server's clock.
    """

    def __init__(self, session: Session, of: str = "") -> None:
        self.ask = session.ask
        self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if of:
            self.ask(sql("SET TRANSACTION SNAPSHOT %L", of))
        ((exported, at),) = self.ask(
            "SELECT NULL, extract(epoch FROM now())"
            if of
            else "SELECT pg_export_snapshot(), extract(epoch FROM now())"
        )
        self.id = of or exported
        self.at = float(at)

    def rows(self) -> dict[str, int]:
        """How many rows each table has, by "schema.table"."""
        tables = self.ask(ROWS)
        return {
            f"{schema}.{table}": int(self.ask(sql("SELECT count(*) FROM %I.%I", schema, table))[0][0])
            for schema, table in tables
        }  # fmt: skip
