"""Programs that the agent runs to their end."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.agent import programs


def test_a_program_that_complains_at_length_while_it_is_fed_ends() -> None:
    """MariaDB's client repeats a statement of a MiB when it fails; what it says last is kept."""
    many = [b"x" * 1023 + b"\n"] * 2048
    complains = (
        "head -c 1000000 /dev/zero | tr '\\0' e >&2; echo 'ERROR 1114: full' >&2; cat >/dev/null; exit 1"
    )
    done = programs.streamed(["sh", "-c", complains], many)
    assert done.code == 1
    assert done.errors.endswith("ERROR 1114: full\n")
    assert len(done.errors) <= 1 << 16


def test_a_program_that_ends_early_is_not_fed_any_longer() -> None:
    """Its exit code says what is wrong, not the pipe."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    assert programs.streamed(["sh", "-c", "exit 3"], endless()).code == 3


def test_a_program_gets_every_line() -> None:
    """In their order, and then their end."""
    asked = ["sh", "-c", "read -r one; read -r two; ! read -r three && test $one$two = ab"]
    assert programs.streamed(asked, [b"a\n", b"b\n"]).code == 0
