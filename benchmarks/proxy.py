"""What limits, headers and the JSON log cost: our nginx against a plain reverse proxy on the same host, in turns.

python -m benchmarks.proxy [--rounds 5] [--seconds 5]

Once behind both is a bare Node server, which is quicker than any NestJS app, and once nginx's own `return`, the
quickest there is: there is nothing but the proxy to wait for then, and each microsecond shows. Then the same by HTTPS,
which both speak alike. The load comes from the host itself, so that the network is not what is measured; our nginx is
told to count it all the same. Its files say what they do after a release, with green live: one look more than blue.
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
SHOP = "shop.test"
HTTPS = f"domains: [{SHOP}]\ntls: {{mode: files, certificate: shop.pem, key: shop.key}}\n"
CERTIFICATE = "/etc/vpsdeploy/tls/shop/current"
PLAIN_PORT, PLAIN_HTTPS_PORT = 8088, 8443
PLAIN = f"""\
upstream plain {{ server 127.0.0.1:4101; server 127.0.0.1:4102; keepalive 64; }}
server {{
  listen {PLAIN_PORT};
  access_log /var/log/nginx/plain.log combined;
  location / {{ proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://plain; }}
}}
"""
PLAIN_HTTPS = PLAIN.partition("\n")[2].replace(
    f"listen {PLAIN_PORT};",
    f"listen {PLAIN_HTTPS_PORT} ssl; ssl_certificate {CERTIFICATE}/fullchain.pem; "
    f"ssl_certificate_key {CERTIFICATE}/privkey.pem;",
)
NOTHING = """\
server { listen 127.0.0.1:4101; listen 127.0.0.1:4102; access_log off; location / { return 200 'ok'; } }
"""
NODE = (
    "require('http').createServer((req, res) => res.end('ok')).listen(Number(process.argv[1]), '127.0.0.1')"
)
LIMIT = 0.85
"""Least share of the plain proxy's requests per second (issue 4)."""

_SETUP = """\
apt-get install -qq -y --no-install-recommends wrk >/dev/null
printf '%s' "$1" > /etc/nginx/conf.d/zz-plain.conf
cd /var/lib/vpsdeploy/routes/shop && mkdir instances
touch green instances/shop_blue_2 instances/shop_green_2 plain-2-green
echo "127.0.0.1 $2" >> /etc/hosts
"""
_COUNTED = """\
sed -i 's/127.0.0.0\\/8 0;/127.0.0.0\\/8 1;/' /etc/nginx/conf.d/vpsdeploy-clients.conf
nginx -t -q && systemctl reload nginx
"""
_HTTPS = """\
printf '%s' "$1" > /etc/nginx/conf.d/zz-plain-https.conf
"""
_NODE = """\
rm -f /etc/nginx/conf.d/zz-nothing.conf && systemctl reload nginx && sleep 2
for port in 4101 4102; do systemd-run --quiet --unit="bench-$port" /opt/node/*/bin/node -e "$1" $port; done
sleep 6
"""
_NOTHING = """\
systemctl stop bench-4101 bench-4102
printf '%s' "$1" > /etc/nginx/conf.d/zz-nothing.conf
nginx -t -q && systemctl reload nginx
sleep 6
"""
"""nginx passes over an instance that did not answer for a while."""


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
    _provision(project)
    _on_host(_SETUP, PLAIN, SHOP)
    _on_host(_COUNTED)
    _on_host(_NODE, NODE)
    ours, plain = "http://127.0.0.1:80/", f"http://127.0.0.1:{PLAIN_PORT}/"
    _compare("a bare Node server", ours, plain, rounds, seconds)
    _on_host(_NOTHING, NOTHING)
    _compare("nothing but `return`", ours, plain, rounds, seconds)
    _certify(project)
    (project / "vpsdeploy.yml").write_text(CONFIG + HTTPS)
    _provision(project)
    _on_host(_HTTPS, PLAIN_HTTPS)
    _on_host(_COUNTED)
    ours, plain = f"https://{SHOP}:443/", f"https://{SHOP}:{PLAIN_HTTPS_PORT}/"
    _compare("`return`, by HTTPS", ours, plain, rounds, seconds)
    _on_host(_NODE, NODE)
    _compare("Node, by HTTPS", ours, plain, rounds, seconds)


def _provision(project: Path) -> None:
    done = subprocess.run(
        [VPSDEPLOY, "provision", "host"], cwd=project, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def _certify(project: Path) -> None:
    """A certificate of its own, for ten days."""
    words = (
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "10",
    )
    names = ("-subj", f"/CN={SHOP}", "-addext", f"subjectAltName=DNS:{SHOP}")
    files = ("-keyout", "shop.key", "-out", "shop.pem")
    subprocess.run(["openssl", *words, *names, *files], cwd=project, capture_output=True, check=True)


def _compare(what: str, our_url: str, plain_url: str, rounds: int, seconds: int) -> None:
    """In turns, so that whatever else the machine does meets both."""
    ours, plain = [], []
    for _ in range(rounds):
        plain.append(_rate(plain_url, seconds))
        ours.append(_rate(our_url, seconds))
    shares = [one / other for one, other in zip(ours, plain, strict=True)]
    sys.stdout.write(
        f"{what:22} plain {statistics.median(plain):7.0f}/s  ours {statistics.median(ours):7.0f}/s  share "
        f"{statistics.median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f}; limit {LIMIT})\n"
    )
    sys.stdout.flush()


def _on_host(script: str, *words: str) -> None:
    sandbox.run(NAME, HOST, ["sh", "-euc", script, "sh", *words], timeout_seconds=300)


def _rate(url: str, seconds: int) -> float:
    """Requests per second that were answered 200; a run with another answer says nothing, and fails."""
    command = ["wrk", "-t", "1", "-c", "32", "-d", f"{seconds}s", url]
    said = sandbox.run(NAME, HOST, command, timeout_seconds=60 + seconds).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(said)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


if __name__ == "__main__":
    main()
