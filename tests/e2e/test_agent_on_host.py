"""The agent on real Debian hosts: systemd reads what it writes, timers fire, sandboxed instances answer."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.transport import agent_pyz
from orchestrator.workflows import sandbox
from tests.support.bodies import framed, tar_of

pytestmark = pytest.mark.sandbox

NASTY = 'a"b\'c$d`e\\f#g\nh\tü€😀 %i ${HOME} \\n \\" trailing \\'
MAIN = b"""
import http.server, json, os, sys
if os.environ.get("CRASH"): sys.exit("boom: no database")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path == "/503" else 200); self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
UNIT = """[Service]
Type=exec
User=shop
WorkingDirectory=/srv/shop/slots/%i/release/app
EnvironmentFile=/srv/shop/slots/%i/env
ExecStart=/bin/false
Restart=always
ProtectSystem=strict
NoNewPrivileges=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
"""
# "Node" is a shell script that leaves out Node's option: the agent is on trial here, not Node.
PREPARE = """set -e
mkdir -p /opt/node/v24.21.0/bin /usr/local/lib/vpsdeploy /etc/vpsdeploy/apps /var/lib/vpsdeploy/shop \
    /var/lib/vpsdeploy/routes/shop /srv/shop/releases /srv/shop/slots /srv/shop/store /srv/shop/shared
printf '#!/bin/sh\\nshift\\nexec /usr/bin/python3 "$@"\\n' > /opt/node/v24.21.0/bin/node
printf '#!/bin/sh\\nexec python3 -I /usr/local/lib/vpsdeploy/agent.pyz "$@"\\n' > /usr/local/bin/vpsdeploy-agent
chmod 755 /opt/node/v24.21.0/bin/node /usr/local/bin/vpsdeploy-agent
useradd --system shop
echo '{"app":"shop","port":4000,"instances":2,"roles":["app","loadbalancer"]}' > /etc/vpsdeploy/apps/shop.json
systemctl daemon-reload
"""
RELEASES = (
    "20261122000001-aaaaaaaa",
    "20261122000002-bbbbbbbb",
    "20261122000003-cccccccc",
    "20261122000004-dddddddd",
)


class RemoteAgent:
    """Calls verbs over SSH."""

    def __init__(self, key: Path, known_hosts: Path, address: str) -> None:
        options = ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known_hosts}", "-i", str(key)]
        self._ssh = ["ssh", *options, f"root@{address}"]
        self.token = ""

    def shell(self, command: str, text: bytes = b"") -> bytes:
        """Run a shell command."""
        done = subprocess.run([*self._ssh, command], input=text, capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def call(self, verb: str, body: bytes = b"", **fields: Any) -> dict[str, Any]:
        """The last line that a verb answers."""
        request = {"protocol": 1, "app": "shop", "by": "e2e", "token": self.token, **fields}
        output = self.shell(f"vpsdeploy-agent {verb}", json.dumps(request).encode() + b"\n" + body)
        answer: dict[str, Any] = json.loads(output.splitlines()[-1])
        return answer

    def ship(self, release: str, **env: str) -> None:
        """Send and assemble a release."""
        name = hashlib.sha256(MAIN).hexdigest()
        listed = json.dumps(["main.py", name, len(MAIN)]).encode() + b"\n"
        digest = hashlib.sha256(listed).hexdigest()
        manifest = {"app": "shop", "digest": digest, "files": 1, "size_bytes": len(MAIN)}
        if self.call("offer", framed(listed), manifest=manifest)["missing"]:
            assert self.call("receive", framed(tar_of({name: MAIN})), count=1)["stored"] == 1
        settings = {"node": "24.21.0", "entry": "main.py", "env": env, "instances": 2, "port": 4000}
        assert (
            self.call("assemble", release=release, manifest_digest=digest, settings=settings)["event"]
            == "result"
        )

    def release(self, release: str, colour: str, path: str = "/", **env: str) -> dict[str, Any]:
        """Ship, start and gate. Returns: the gate's answer."""
        self.ship(release, **env)
        assert self.call("start", release=release, colour=colour)["event"] == "result"
        return self.call("gate", colour=colour, path=path, timeout_seconds=10, interval_seconds=0.1)


@pytest.fixture(scope="module", params=[12, 13], ids=["debian12", "debian13"])
def agent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteAgent]:
    """The agent on a fresh host, its lock held, a first release live in blue."""
    place = tmp_path_factory.mktemp("agent")
    name = f"agent{request.param}"
    state = sandbox.up(SandboxSpec(name=name, hosts=1, loadbalancers=0, debian=request.param), place, print)
    try:
        remote = RemoteAgent(state.key_file, state.known_hosts, state.hosts[0].address)
        remote.shell("cat > /etc/systemd/system/shop@.service", UNIT.encode())
        remote.shell(PREPARE)
        package = agent_pyz.build(place / "agent.pyz")
        remote.shell("cat > /usr/local/lib/vpsdeploy/agent.pyz", package.path.read_bytes())
        assert remote.call("facts")["version"] == package.version
        remote.token = remote.call("lock", message="e2e", owner={"pid": 1}, lease_seconds=3600)["token"]
        assert remote.release(RELEASES[0], "blue", NASTY=NASTY)["event"] == "result"
        assert remote.call("confirm", colour="blue", release=RELEASES[0])["event"] == "result"
        yield remote
    finally:
        sandbox.down(name)


def test_an_instance_gets_its_environment_exactly(agent: RemoteAgent) -> None:
    """Quotes, dollars, newlines, backslashes and unicode come through systemd as they are."""
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:4001/').read().decode())"
    env = json.loads(agent.shell(f'python3 -c "{fetch}"'))
    assert env["NASTY"] == NASTY
    assert (env["PORT"], env["NODE_ENV"], env["VPSDEPLOY_RELEASE"]) == ("4001", "production", RELEASES[0])


def test_a_flip_that_nobody_confirms_goes_back_by_itself(agent: RemoteAgent) -> None:
    """The host's own timer does it."""
    assert agent.call("flip", colour="green", confirm_seconds=10)["to"] == "green"
    assert agent.call("facts")["live"] == "green"
    _eventually(lambda: agent.call("facts")["pending"] is None)
    assert agent.call("facts")["live"] == "blue"


def test_a_crash_fails_the_gate_at_once_with_its_last_lines(agent: RemoteAgent) -> None:
    """The journal's lines are the app's own."""
    answer = agent.release(RELEASES[1], "green", CRASH="1")
    assert answer["what"] == "health check failed"
    assert "crashed" in answer["why"]
    assert "boom: no database" in answer["why"]
    assert agent.call("stop", colour="green")["stopped"] is True


def test_a_503_fails_the_gate_and_a_drain_stops_the_pool(agent: RemoteAgent) -> None:
    """The answer is named; the drain is a unit of the host."""
    answer = agent.release(RELEASES[2], "green", path="/503")
    assert "answered 503 for 10 s (limit 10 s)" in answer["why"]
    assert agent.call("drain", colour="green", timeout_seconds=30)["scheduled"] is True
    _eventually(lambda: agent.call("facts")["pools"]["green"] is None)
    assert agent.shell("systemctl is-active shop@4101 || true").strip() == b"inactive"


def test_exec_runs_in_the_sandbox_of_the_unit(agent: RemoteAgent) -> None:
    """The app's user, the release's directory, nothing writable."""
    script = 'id -un; pwd; touch /srv/shop/x || echo refused; printf "%s" "$NASTY"'
    request = {"protocol": 1, "app": "shop", "argv": ["sh", "-c", script]}
    output = agent.shell("vpsdeploy-agent exec 2>/dev/null", json.dumps(request).encode() + b"\n").decode()
    assert output == f"shop\n/srv/shop/releases/{RELEASES[0]}/app\nrefused\n{NASTY}"


def test_exec_hands_words_over_as_they_were_typed(agent: RemoteAgent) -> None:
    """systemd fills in no ${NAME} of its own: scripts work, and no secret lands in the process list."""
    script = (
        'for i in 1 2; do printf "<%s>" "${i}" "$i"; done; tr "\\0" " " < /proc/$$/cmdline; printf "%s|" "$@"'
    )
    request = {
        "protocol": 1,
        "app": "shop",
        "argv": ["sh", "-c", script, "sh", "$PORT", "${PORT}", "a$$b", "%i"],
    }
    output = agent.shell("vpsdeploy-agent exec", json.dumps(request).encode() + b"\n").decode()
    assert output == f"<1><1><2><2>sh -c {script} sh $PORT ${{PORT}} a$$b %i $PORT|${{PORT}}|a$$b|%i|"


def test_a_drain_that_is_killed_is_carried_out_all_the_same(agent: RemoteAgent) -> None:
    """Whoever kills the agent, systemd calls it again: no old pool goes on running for ever."""
    assert agent.release(RELEASES[3], "green")["event"] == "result"
    agent.shell("nohup bash -c 'exec 3<>/dev/tcp/127.0.0.1/4101; sleep 4' < /dev/null > /dev/null 2>&1 &")
    assert agent.call("drain", colour="green", timeout_seconds=20)["scheduled"] is True
    agent.shell("systemctl kill --signal=KILL vpsdeploy-drain-shop.service")
    _eventually(lambda: agent.call("facts")["pools"]["green"] is None)


def _eventually(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
