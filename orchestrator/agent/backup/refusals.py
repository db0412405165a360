"""Why a restore is refused before anything is touched: said in the same words of every kind of service."""

from __future__ import annotations

from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, UsageError

NOTHING = "nothing was touched"


def no_service(call: Call, kind: str) -> HostNotReady:
    """A dump has nowhere to go."""
    return HostNotReady(
        f"this host runs no {kind}", why=f"no file of {call.layout.services} names one of the app",
        state=NOTHING, next="vpsdeploy provision host",
    )  # fmt: skip


def older(product: str, here: str, there: str) -> UsageError:
    """A server does not read what a newer one has written.

    Args:
        product: Its name.
        here: The server's version.
        there: The dump's.
    """
    return UsageError(
        "the server is older than the backup", why=f"{product} {here} here, the dump is of {there}",
        state=NOTHING, next=f"restore to a host with {product} {there} or newer",
    )  # fmt: skip


def in_use(database: str, tables: int, clients: int) -> UsageError:
    """There is something in a database, or somebody."""
    return UsageError(
        f"the database {database} is in use", why=f"{tables} tables, {clients} connections", state=NOTHING,
        next="--into NAME restores beside it; --force replaces it, after a dump of what is there now",
    )  # fmt: skip


def no_database(database: str) -> UsageError:
    """A table has no live one to lie beside."""
    return UsageError(
        f"there is no database {database}", why="a table goes beside the live one", state=NOTHING,
        next="restore the database first",
    )  # fmt: skip


def nothing_beside(product: str) -> UsageError:
    """--into means nothing to what has no databases of names."""
    return UsageError(
        f"{product} has no databases to restore into beside", state=NOTHING, next="leave --into out"
    )
