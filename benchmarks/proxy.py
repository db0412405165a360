"""What limits, headers and the JSON log cost: our nginx against a plain reverse proxy on the same host, in turns.

python -m benchmarks.proxy [--rounds 5] [--seconds 5]

Behind both is the quickest app there is, nginx's own `return`: with a real one the difference would be smaller. The
load comes from the host itself, so that the network is not what is measured; our nginx is told to count it all the
same.
"""

from __future__ import annotations

import argparse
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox

NAME, HOST = "bench-proxy", "web-1"
VPSDEPLOY = Path(sys.executable).with_name("vpsdeploy")
CONFIG = """\
app: shop
instances: 2
rate_limits: {rate: 900000r/s, burst: 100000, connections: 65535}
"""
PLAIN_PORT = 8088
BESIDE = f"""\
server {{ listen 127.0.0.1:4001; listen 127.0.0.1:4002; access_log off; location / {{ return 200 'ok'; }} }}
upstream plain {{ server 127.0.0.1:4001; server 127.0.0.1:4002; keepalive 64; }}
server {{
  listen {PLAIN_PORT};
  access_log /var/log/nginx/plain.log combined;
  location / {{ proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://plain; }}
}}
"""
LIMIT = 0.85
"""Least share of the plain proxy's requests per second (issue 4)."""

_SETUP = """\
apt-get install -qq -y --no-install-recommends wrk >/dev/null
cat > /etc/nginx/conf.d/zz-bench.conf
sed -i 's/127.0.0.0\\/8 0;/127.0.0.0\\/8 1;/' /etc/nginx/conf.d/vpsdeploy-clients.conf
nginx -t -q && systemctl reload nginx && sleep 1
"""


def main() -> None:
    """Measure and print a table; the host is removed at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (count)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the host is removed then, too
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        (project / "vpsdeploy.yml").write_text(CONFIG)
        try:
            _measure(project, options.rounds, options.seconds)
        finally:
            sandbox.down(NAME)


def _measure(project: Path, rounds: int, seconds: int) -> None:
    sandbox.up(SandboxSpec(name=NAME, hosts=1, loadbalancers=0), project)
    done = subprocess.run(
        [VPSDEPLOY, "provision", "host"], cwd=project, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    setup = _SETUP.replace("cat > ", f"printf '%s' {_quoted(BESIDE)} > ")
    sandbox.run(NAME, HOST, ["sh", "-euc", setup], timeout_seconds=300)
    ours, plain = [], []
    for _ in range(rounds):
        plain.append(_rate(PLAIN_PORT, seconds))
        ours.append(_rate(80, seconds))
    sys.stdout.write(f"plain proxy                {statistics.median(plain):10.0f} requests/s\n")
    sys.stdout.write(f"limits, headers, JSON log  {statistics.median(ours):10.0f} requests/s\n")
    shares = [one / other for one, other in zip(ours, plain, strict=True)]
    share = statistics.median(shares)
    sys.stdout.write(
        f"share, median of {rounds} turns   {share:10.2f} (limit {LIMIT}; {min(shares):.2f} to {max(shares):.2f})\n"
    )


def _rate(port: int, seconds: int) -> float:
    """Requests per second that were answered 200; a run with another answer says nothing, and fails."""
    command = ["wrk", "-t", "1", "-c", "32", "-d", f"{seconds}s", f"http://127.0.0.1:{port}/"]
    said = sandbox.run(NAME, HOST, command, timeout_seconds=60 + seconds).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(said)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    main()
