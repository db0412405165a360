"""Whole outputs and exit codes of `vpsdeploy provision host`, with Ansible and SSH played from recordings."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.cli.main import main
from orchestrator.model.provision import Event
from orchestrator.transport import agent_pyz, ansible, ansible_events, ssh_check, ssh_public_keys
from orchestrator.transport.ansible_settings import Play
from orchestrator.transport.ssh_check import Reached

STREAMS = Path(__file__).parents[1] / "transport" / "data"
INVENTORY = """\
all:
  children:
    app:
      hosts:
        web-1: {ansible_host: ADDRESS}
        web-2: {ansible_host: 10.0.0.12}
    loadbalancer:
      hosts:
        web-1: {}
"""

Vpsdeploy = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\n")
    stage = tmp_path / "inventories" / "production"
    stage.mkdir(parents=True)
    (stage / "hosts.yml").write_text(INVENTORY.replace("ADDRESS", "10.0.0.11"))
    return tmp_path


@pytest.fixture(name="vpsdeploy")
def _vpsdeploy(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Vpsdeploy:
    """Run the command line: (exit code, standard output, standard error)."""
    monkeypatch.setattr(ssh_check, "ask_all", lambda *given: [Reached(None, "", host) for host in given[2]])
    monkeypatch.setattr(ssh_check, "close_all", lambda *_: None)
    monkeypatch.setattr(ssh_public_keys, "collect", lambda *_: ("ssh-ed25519 AAAA",))
    monkeypatch.setattr(agent_pyz, "build", lambda target: SimpleNamespace(path=target, digest="d"))

    def run(*arguments: str, stream: str = "provision_ok", code: int = 0) -> tuple[int, str, str]:
        def played(play: Play, _directory: Path, _config: Path, on_event: Callable[[Event], None]) -> int:
            for line in (STREAMS / f"{stream}.jsonl").read_text().splitlines():
                event = ansible_events.parse(json.loads(line))
                if event and getattr(event, "host", play.hosts[0]) in play.hosts:
                    on_event(event)
            return code

        monkeypatch.setattr(ansible, "run", played)
        monkeypatch.setattr(
            sys, "argv", ["vpsdeploy", "provision", "host", "--project", str(project), *arguments]
        )
        with pytest.raises(SystemExit) as exit_:
            main()
        shown = capsys.readouterr()
        return int(exit_.value.code or 0), without_times(shown.out), without_times(shown.err)

    return run


def without_times(text: str) -> str:
    """Seconds differ from run to run: each time is "T"."""
    return re.sub(r"(?<![\w.])\d+\.\d+(?= s$|$)", "T", text, flags=re.MULTILINE)


def test_a_second_run(vpsdeploy: Vpsdeploy) -> None:
    """The summary is the output; progress is on standard error."""
    assert vpsdeploy() == (
        0,
        "host   ok  changed  failed  unreachable  seconds\n"
        "web-1   8        0       0            0      T\n"
        "web-2   7        0       0            0      T\n"
        "\n"
        "nothing had to be changed\n",
        "reach 2 hosts                                    T s\n"
        "web-2  5 of 9  Try something: ignored  T s\n"
        "web-1  5 of 10  Try something: ignored  T s\n"
        "web-1  7 of 10  Fail first: failed  T s\n"
        "web-2  7 of 9  Fail first: failed  T s\n",
    )


def test_two_failed_hosts(vpsdeploy: Vpsdeploy) -> None:
    """Exit code 7: the table of all hosts, then the first failure in full."""
    code, out, err = vpsdeploy(stream="provision_two_fail", code=2)
    assert code == 7
    assert out == (
        "host   ok  changed  failed  unreachable  seconds\n"
        "web-1   7        3       1            0      T\n"
        "web-2   7        3       1            0      T\n"
    )
    assert err.endswith(
        "error: provisioning failed on 2 of 2 hosts, first on web-2 (production)\n"
        "step:  Fail in a loop\n"
        "why:   non-zero return code\n"
        "       x failed\n"
        "state: what was done before the failure stays, and running it again is safe\n"
        "next:  put that right, then: vpsdeploy provision host web-2 web-1 --stage production\n"
    )


def test_a_rehearsal(vpsdeploy: Vpsdeploy) -> None:
    """The diffs without secrets, the table, and that nothing was changed."""
    code, out, _ = vpsdeploy("web-2", "--check", stream="provision_check")
    assert code == 0
    assert out == (
        "web-2: Write a file\n"
        "    --- /etc/hello\n"
        "    +++ /etc/hello\n"
        "    @@ -1 +1 @@\n"
        "    -hello shop\n"
        "    +hello shop2\n"
        "\n"
        "web-2: Write a secret\n"
        "\n"
        "host   ok  changed  failed  unreachable  seconds\n"
        "web-2   4        2       0            0      T\n"
        "\n"
        "nothing was changed: 2 tasks would change something\n"
    )


def test_json(vpsdeploy: Vpsdeploy) -> None:
    """Every line is an object of the schema; events come first, the result is the last."""
    code, out, err = vpsdeploy("--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {line["schema"] for line in lines} == {"vpsdeploy/1"}
    assert {line["kind"] for line in lines[:-1]} == {"step", "task"}
    result = lines[-1]
    assert (result["kind"], result["ok"], result["check"]) == ("provision", True, False)
    assert [host["name"] for host in result["hosts"]] == ["web-1", "web-2"]


def test_json_of_a_failure(vpsdeploy: Vpsdeploy) -> None:
    """The hosts are an event, the error is the result."""
    code, out, _ = vpsdeploy("--json", stream="provision_two_fail", code=2)
    *_, hosts, error = map(json.loads, out.splitlines())
    assert code == 7
    assert (hosts["kind"], hosts["event"]) == ("provision", True)
    assert (error["kind"], error["error"]["kind"]) == ("error", "ProvisionFailed")


def test_an_unknown_host(vpsdeploy: Vpsdeploy) -> None:
    """A misspelt host is refused before anything is started."""
    code, out, err = vpsdeploy("web-3")
    assert (code, out) == (2, "")
    assert "web-3" in err
    assert "web-1" in err


def test_a_placeholder_address(vpsdeploy: Vpsdeploy, project: Path) -> None:
    """What `init` writes without an address is refused with the file to edit."""
    file = project / "inventories" / "production" / "hosts.yml"
    file.write_text(INVENTORY.replace("ADDRESS", "203.0.113.10"))
    assert vpsdeploy() == (
        3,
        "",
        "error: a placeholder instead of an address on web-1 (production)\n"
        "why:   203.0.113.10 is reserved for documentation; no host has it\n"
        "state: nothing was changed\n"
        f"next:  write the server's address into {file}: ansible_host\n",
    )
