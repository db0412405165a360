"""A machine that answers from a table, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator.sandbox.process import Result


class FakeRunner:
    """A Runner. The first answer whose words all occur in the call is given; a call without an answer ends well.

    Args:
        answers: Words of a call, in one string, to its result: an exit code, an output, or both.
    """

    def __init__(self, answers: Mapping[str, int | str | tuple[int, str]] | None = None) -> None:
        self.answers = dict(answers or {})
        self.calls: list[tuple[str, ...]] = []
        self.envs: list[Mapping[str, str]] = []
        self.inputs: list[tuple[str, float]] = []

    def __call__(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Remember and answer."""
        self.calls.append(tuple(argv))
        self.envs.append(env or {})
        self.inputs.append((stdin, timeout_seconds))
        answer = next((a for words, a in self.answers.items() if set(words.split()) <= set(argv)), 0)
        code, text = (
            answer if isinstance(answer, tuple) else (answer, "") if isinstance(answer, int) else (0, answer)
        )
        if on_line:
            for line in text.splitlines():
                on_line(line)
        return Result(tuple(argv), code, stdout=text, stderr=text if code else "")

    def called(self, words: str) -> list[tuple[str, ...]]:
        """The calls in which all these words occur."""
        return [call for call in self.calls if set(words.split()) <= set(call)]
