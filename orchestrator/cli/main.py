"""The console script: registers the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from orchestrator import __version__
from orchestrator.cli import commands
from orchestrator.errors import InternalError, Interrupted, UsageError, VpsdeployError

# pydantic would look for plugins in every installed distribution: 40 ms of each command, for none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vpsdeploy {__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="VPSDEPLOY_DEBUG", help="Show a traceback with an error.")
    ] = False,
) -> None:
    r"""Turn bare Debian servers into NestJS hosts, and release onto them without dropping a request.

    \b
    Start here:
      vpsdeploy init              write vpsdeploy.yml for the NestJS project in this directory
      vpsdeploy sandbox up        boot a VPS on this machine to try it on
      vpsdeploy provision host    bare Debian server -> production host
      vpsdeploy release           build the project and make it live
    """
    if debug:
        os.environ["VPSDEPLOY_DEBUG"] = "1"


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """All commands, or the one that these words name."""
    app = typer.Typer(
        name="vpsdeploy",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    commands.register(app, words)
    return app


def _fail(error: VpsdeployError) -> NoReturn:
    from orchestrator.report import envelope  # late: --help needs no JSON

    if os.environ.get("VPSDEPLOY_DEBUG"):
        raise error
    if "--json" in sys.argv:
        print(envelope.error_line(error))  # noqa: T201 - the one place that prints a failed command's JSON
    else:
        print(error, file=sys.stderr)  # noqa: T201 - the one place that prints errors
    sys.exit(error.exit_code)


def main() -> None:
    """Run the command line; every exit is a code of orchestrator.errors."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = command_line(sys.argv[1:])(standalone_mode=False)
    except VpsdeployError as error:
        _fail(error)
    except (KeyboardInterrupt, typer.Abort):
        _fail(Interrupted("interrupted", state="see `vpsdeploy status`", next="run the same command again"))
    except typer.TyperException as error:
        _fail(UsageError(error.format_message(), next="vpsdeploy --help"))
    except Exception as error:
        if os.environ.get("VPSDEPLOY_DEBUG"):
            raise
        hint = "run again with --debug and report the traceback"
        _fail(InternalError("unexpected error", why=repr(error), next=hint))
    sys.exit(code if isinstance(code, int) else 0)
