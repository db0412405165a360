"""HTTPS on two load balancers, with a real certificate authority: issued, renewed, refused, replaced."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.workflows import sandbox
from tests.support import certificates, shapes
from tests.support.acme import DIRECTORY_URL, PORT, Authority
from tests.support.node_apps import bundle
from tests.support.visitors import Clients, Secure, ask, plain, readers_and_writers
from tests.support.vps import Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

NAME = "e2e-tls"
SHOP, WWW = "shop.test", "www.shop.test"
BALANCERS = ("web-1", "lb-1")
CURRENT = "/etc/vpsdeploy/tls/shop/current/fullchain.pem"
UNIT = "vpsdeploy-certificate-shop.service"


def configure(path: Path, tls: str, *domains: str) -> None:
    """Write vpsdeploy.yml."""
    lines = (
        "app: shop", "limits: {memory: 128M}", "instances: 1", "release: {drain_seconds: 5, watch_seconds: 2}",
        f"domains: [{', '.join(domains)}]", f"tls: {{{tls}}}",
    )  # fmt: skip
    (path / "vpsdeploy.yml").write_text("\n".join([*lines, ""]))


ACME = f"directory_url: '{DIRECTORY_URL}'"


@dataclass(frozen=True)
class Shop:
    """The project, its hosts' addresses, and its certificate authority."""

    project: Project
    addresses: dict[str, str]
    authority: Authority

    def point(self, name: str, *balancers: str) -> None:
        """Have all hosts find a name at these load balancers."""
        for host in BALANCERS:
            self.authority.point(host, name, *(self.addresses[one] for one in balancers))

    def serial(self, host: str) -> str:
        """Of the certificate that the host's nginx answers with."""
        connect = (
            f"openssl s_client -connect {self.addresses[host]}:443 -servername {SHOP} </dev/null 2>/dev/null"
        )
        return self.project.on(host, "sh", "-c", f"{connect} | openssl x509 -noout -serial").strip()

    def provision(self) -> dict[str, list[str]]:
        """Provision all hosts; each one's notices."""
        result = self.project.json("provision", "host")[-1]
        return {host["name"]: host["notices"] for host in result["hosts"]}


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Two load balancers, one of them with the app; the domain points nowhere yet."""
    path = tmp_path_factory.mktemp("tls")
    with project_on_sandbox(path, NAME, hosts=1, loadbalancers=1) as project:
        configure(path, ACME, SHOP)
        inventory = path / "inventories" / NAME / "hosts.yml"
        tree = yaml.safe_load(inventory.read_text())
        tree["all"]["children"]["loadbalancer"]["hosts"]["web-1"] = {}
        tree["all"]["vars"]["firewall_allow"] = [{"port": PORT}]  # the authority's
        inventory.write_text(yaml.safe_dump(tree))
        addresses = {host.name: host.address for host in sandbox.status(NAME).hosts}
        authority = Authority(project, "web-1", addresses["web-1"], BALANCERS)
        authority.install()
        authority.start()
        yield Shop(project, addresses, authority)


def ask_http(
    address: str, name: str = SHOP, path: str = "/", method: str = "GET"
) -> tuple[int, dict[str, str]]:
    """Status and headers on port 80."""
    return ask(plain(address), path, method, Host=name)[:2]


def ask_https(address: str, root: str, name: str = SHOP) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body on port 443; the certificate has to lead to the root."""
    return ask(partial(Secure, address, name, root), Host=name)


def release(shop: Shop, text: str) -> dict[str, Any]:
    """Release an app that says `text`."""
    return shop.project.json("release", "--bundle", str(bundle(shop.project.path, text)))[-1]


def state(shop: Shop) -> dict[str, dict[str, Any]]:
    """What `tls status` says of each load balancer."""
    seen = shop.project.json("tls", "status")[-1]
    assert shapes.differences(shapes.examples()["tls"], seen) == []
    return {host["name"]: host["tls"] for host in seen["hosts"]}


def test_without_dns_the_app_is_served_by_http_and_everybody_is_told(shop: Shop) -> None:
    """Provisioning succeeds and says what is missing; nobody asked the authority; nothing is redirected."""
    notices = shop.provision()
    assert all(f"{SHOP} has no address" in notices[name][0] for name in BALANCERS)
    assert all("served by HTTP" in notices[name][0] for name in BALANCERS)
    first = release(shop, "first")
    assert first["url"] == f"http://{SHOP}/"
    assert [ask_http(shop.addresses[name])[0] for name in BALANCERS] == [200, 200]
    assert {one["tried"]["result"] for one in state(shop).values()} == {"astray"}
    assert "no certificate for shop.test on web-1" in shop.project.vpsdeploy("status").stdout
    asked = shop.project.on("web-1", "sh", "-c", "ls /etc/letsencrypt/accounts 2>/dev/null | wc -l")
    assert asked.strip() == "0"


def test_when_the_domain_points_here_each_load_balancer_gets_its_certificate(shop: Shop) -> None:
    """Whichever is asked by the authority answers for both: the name leads to one of them only, then to both."""
    shop.point(SHOP, "lb-1")
    renewed = shop.project.json("tls", "renew")[-1]
    assert renewed["changed"] == ["web-1", "lb-1"]
    shop.point(SHOP, *BALANCERS)
    root = shop.authority.root()
    for name in BALANCERS:
        status, headers, _ = ask_https(shop.addresses[name], root)
        assert (status, headers["Strict-Transport-Security"]) == (200, "max-age=63072000")
        redirected = ask_http(shop.addresses[name], path="/a?b=c", method="POST")
        assert (redirected[0], redirected[1]["Location"]) == (308, f"https://{SHOP}/a?b=c")
        assert "Strict-Transport-Security" not in redirected[1]
    assert shop.serial("web-1") != shop.serial("lb-1")
    assert "the certificate" not in shop.project.vpsdeploy("status").stdout


def test_a_name_of_nobody_gets_no_certificate(shop: Shop) -> None:
    """The handshake is refused, so that nobody learns whose host this is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name in ("other.test", None):
        with (
            socket.create_connection((shop.addresses["lb-1"], 443), timeout=10) as plain,
            pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"),
        ):
            context.wrap_socket(plain, server_hostname=name)


def test_the_host_speaks_http2_and_no_old_tls(shop: Shop) -> None:
    """As nginx of either Debian says it; 1.1 and older are refused."""
    resolve = f"{SHOP}:443:{shop.addresses['lb-1']}"
    words = ["-sk", "--resolve", resolve, "-o", "/dev/null", "-w", "%{http_version}", f"https://{SHOP}/"]
    asked = shop.project.on("web-1", "curl", *words)
    assert asked == "2"
    old = (
        "openssl s_client -connect {}:443 -servername {} -tls1_1 -cipher ALL@SECLEVEL=0 </dev/null 2>&1; true"
    )
    said = shop.project.on("web-1", "sh", "-c", old.format(shop.addresses["lb-1"], SHOP))
    assert "alert protocol version" in said or "no protocols available" in said or "Cipher is (NONE)" in said


def test_a_release_under_https_load_drops_nothing(shop: Shop) -> None:
    """Clients that check the certificate lose no request; the proof is measured by HTTPS too."""
    root = shop.authority.root()
    connects = [partial(Secure, shop.addresses[name], SHOP, root) for name in BALANCERS]
    with Clients(readers_and_writers(connects, Host=SHOP)) as clients:
        time.sleep(0.5)
        done = release(shop, "second")
        time.sleep(0.5)
    assert set(clients.seen) == {"200"}
    assert clients.seen["200"] > 200
    assert done["url"] == f"https://{SHOP}/"
    assert (done["proof"]["failed"], done["proof"]["unreachable"], done["warnings"]) == (0, [], [])
    assert done["proof"]["requests"] > 0
    assert json.loads(ask_https(shop.addresses["lb-1"], shop.authority.root())[2])["text"] == "second"
    log = shop.project.on("lb-1", "sh", "-c", "grep -c vpsdeploy-probe /var/log/nginx/shop.access.log")
    assert int(log) > 0


def test_nothing_to_do_is_seen_without_ansible(shop: Shop) -> None:
    """The audit knows the certificate, so that the second provisioning is the quick one."""
    assert shop.provision() == {"web-1": [], "lb-1": []}
    result = shop.project.json("provision", "host")[-1]
    assert [host["audited"] for host in result["hosts"]] == [True, True]


def test_another_domain_waits_by_http_until_it_points_here(shop: Shop) -> None:
    """The first goes on with its certificate; then one certificate is for both."""
    before = shop.serial("lb-1")
    configure(shop.project.path, ACME, SHOP, WWW)
    notices = shop.provision()
    assert all(f"{WWW} has no address" in notices[name][0] for name in BALANCERS)
    assert all("the old certificate stays, until" in notices[name][0] for name in BALANCERS)
    assert shop.serial("lb-1") == before
    assert ask_http(shop.addresses["lb-1"], WWW)[0] == 200
    shop.point(WWW, *BALANCERS)
    assert shop.project.json("tls", "renew")[-1]["changed"] == ["web-1", "lb-1"]
    root = shop.authority.root()
    assert [ask_https(shop.addresses["lb-1"], root, name)[0] for name in (SHOP, WWW)] == [200, 200]
    assert ask_http(shop.addresses["lb-1"], WWW)[0] == 308


def test_an_authority_that_is_down_or_refuses_leaves_everything_as_it_is(shop: Shop) -> None:
    """The message says which of both, what is served meanwhile; nginx is not touched."""
    before = {name: shop.serial(name) for name in BALANCERS}
    shop.authority.stop()
    down = shop.project.vpsdeploy("tls", "renew", "--force")
    assert down.returncode == 6, down.stderr
    assert f"{DIRECTORY_URL} cannot be reached" in down.stderr
    assert "the old certificate stays, until" in down.stderr
    shop.authority.start_refusing()
    limited = shop.project.vpsdeploy("tls", "renew", "--force")
    assert limited.returncode == 6, limited.stderr
    assert "it was asked too often" in limited.stderr
    assert {name: shop.serial(name) for name in BALANCERS} == before
    assert {one["tried"]["result"] for one in state(shop).values()} == {"limited"}
    assert "error" not in shop.project.on("web-1", "systemctl", "start", UNIT)


def test_the_timer_renews_and_says_loudly_when_it_cannot(shop: Shop) -> None:
    """A certificate of 40 s, and no authority: at a quarter of its life the unit fails; with one it renews."""
    shop.authority.start(40)
    forget = "rm -f /var/lib/vpsdeploy/shop/certificate.json"
    shop.project.json("tls", "renew", "--force")
    first = shop.serial("lb-1")
    shop.project.on("lb-1", "systemctl", "start", UNIT)
    assert shop.serial("lb-1") == first
    time.sleep(32)
    shop.authority.stop()
    script = (
        f"{forget}; systemctl start {UNIT}; systemctl is-failed {UNIT}; journalctl -u {UNIT} -n 20 -o cat"
    )
    said = shop.project.on("lb-1", "sh", "-c", script)
    assert "failed" in said
    assert "less than a quarter of its life is left" in said or "the certificate expired" in said
    warned = shop.project.vpsdeploy("status").stdout
    assert "warning: the certificate on lb-1" in warned
    shop.authority.start()
    shop.project.on("lb-1", "sh", "-c", f"{forget}; systemctl start {UNIT}")
    assert shop.serial("lb-1") != first
    assert ask_https(shop.addresses["lb-1"], shop.authority.root())[0] == 200


def test_what_certbot_s_own_timer_renews_is_served_too(shop: Shop) -> None:
    """Debian's certbot.timer may come first: its hook gives nginx the new certificate."""
    shop.project.json("tls", "renew", "--force")  # the authority is another one now
    before = shop.serial("web-1")
    shop.project.on("web-1", "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert shop.serial("web-1") != before


def test_an_own_certificate_takes_over_and_is_replaced_under_load(shop: Shop) -> None:
    """Provisioning hands the key over: root's own, in no output; what is new is served, and HTTPS never stops."""
    path = shop.project.path
    root = certificates.Root("own root")
    seen = []
    for number in ("first", "second"):
        leaf = root.issue(SHOP, WWW)
        (path / "own.pem").write_text(leaf.chain)
        (path / "own.key").write_text(leaf.key)
        configure(path, "mode: files, certificate: own.pem, key: own.key", SHOP, WWW)
        done = shop.project.vpsdeploy("provision", "host", "--verbose")
        assert done.returncode == 0, done.stderr
        secret = leaf.key.splitlines()[1]
        assert secret not in done.stdout + done.stderr
        assert [ask_https(shop.addresses[name], root.text)[0] for name in BALANCERS] == [200, 200], number
        seen.append(shop.serial("lb-1"))
    assert seen[0] != seen[1]
    mode = shop.project.on("lb-1", "stat", "-c", "%a %U", "/etc/vpsdeploy/tls/shop/files/privkey.pem")
    assert mode.strip() == "600 root"
    assert {one["mode"] for one in state(shop).values()} == {"files"}
    release(shop, "third")


@pytest.mark.full
def test_off_is_http_again(shop: Shop) -> None:
    """Nothing listens on 443, nothing is redirected, no timer is left."""
    configure(shop.project.path, "mode: off", SHOP, WWW)
    shop.provision()
    assert ask_http(shop.addresses["lb-1"])[0] == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((shop.addresses["lb-1"], 443), timeout=5)
    assert "vpsdeploy-certificate" not in shop.project.on("lb-1", "systemctl", "list-timers")
    refused = shop.project.vpsdeploy("tls", "status")
    assert refused.returncode == 6, refused.stderr
