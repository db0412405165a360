"""What a sandbox should consist of, its addresses, its record."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import SandboxError, UsageError
from orchestrator.sandbox import network, planning, record
from orchestrator.sandbox.record import HostRecord, Record
from orchestrator.sandbox.spec import SandboxSpec, groups_of, host_names
from orchestrator.sandbox.state import StateDir

OLD = Record(
    "try",
    12,
    "10.200.1.0/24",
    "/p",
    (HostRecord("web-1", "10.200.1.101", "old"), HostRecord("web-2", "10.200.1.102", "old")),
)


def test_one_host_is_everything() -> None:
    """Without load balancers of their own, the first app host is the load balancer too."""
    assert host_names(2, 0) == ("web-1", "web-2")
    assert groups_of("web-1", ("web-1", "web-2")) == ("app", "loadbalancer")
    assert groups_of("web-2", ("web-1", "web-2")) == ("app",)


def test_load_balancers_of_their_own() -> None:
    """With them, app hosts run the app only."""
    names = host_names(1, 2)
    assert names == ("lb-1", "lb-2", "web-1")
    assert [groups_of(name, names) for name in names] == [("loadbalancer",), ("loadbalancer",), ("app",)]


def test_a_number_not_given_stays() -> None:
    """`up` alone keeps what there is; where there is nothing it makes one host."""
    assert planning.wanted_names(SandboxSpec("try"), OLD) == ("web-1", "web-2")
    assert planning.wanted_names(SandboxSpec("try"), None) == ("web-1",)


def test_a_smaller_number_destroys_nothing_unasked() -> None:
    """Extra hosts are kept; they go with remove_extra only."""
    assert planning.extra_names(SandboxSpec("try", hosts=1), OLD) == ("web-2",)
    assert planning.final_names(SandboxSpec("try", hosts=1), OLD) == ("web-1", "web-2")
    assert planning.final_names(SandboxSpec("try", hosts=1, remove_extra=True), OLD) == ("web-1",)


def test_hosts_keep_their_image_while_they_exist() -> None:
    """A host that is there keeps its image, one whose container is gone and a new one get today's."""
    spec = SandboxSpec("try", hosts=3, tmpfs={"/srv": "64m"})
    hosts = planning.hosts_of(spec, OLD, {"web-1"}, subnet=OLD.subnet, image="new")
    assert [(host.name, host.image, host.tmpfs) for host in hosts] == [
        ("web-1", "old", {}),
        ("web-2", "new", {}),
        ("web-3", "new", {"/srv": "64m"}),
    ]
    assert hosts[2].address == "10.200.1.103"


def test_another_debian_is_refused() -> None:
    """Hosts are never replaced behind their owner's back."""
    with pytest.raises(SandboxError, match="another Debian"):
        planning.debian_of(SandboxSpec("try", debian=13), OLD)
    assert planning.debian_of(SandboxSpec("try"), OLD) == 12


@pytest.mark.parametrize(
    "spec",
    [
        SandboxSpec("Try"),
        SandboxSpec("../x"),
        SandboxSpec(hosts=0),
        SandboxSpec(loadbalancers=21),
        SandboxSpec(debian=11),
    ],
)
def test_what_cannot_be_made_is_refused(spec: SandboxSpec) -> None:
    """Names, numbers and versions are checked before anything is made."""
    with pytest.raises(UsageError):
        spec.check()


def test_a_taken_subnet_is_stepped_over() -> None:
    """The choice depends on the name, is stable, and avoids every network that exists, larger ones too."""
    first = network.choose_subnet("try", "/state", ())
    assert first == network.choose_subnet("try", "/state", ())
    second = network.choose_subnet("try", "/state", (first,))
    assert second != first
    half = network.choose_subnet("try", "/state", ("10.192.0.0/12",))
    assert int(half.split(".")[1]) >= 208


def test_no_free_subnet_is_an_error() -> None:
    """A machine that routes all of 10.0.0.0/8 is told so."""
    with pytest.raises(SandboxError, match="no free subnet"):
        network.choose_subnet("try", "/state", ("10.0.0.0/8",))


def test_routes_are_networks_but_the_default_is_not() -> None:
    """`ip -json route` in, networks out; a single address counts as a network of one."""
    text = '[{"dst":"default"},{"dst":"10.89.0.0/24"},{"dst":"192.0.2.7","type":"local"},{"dst":"0.0.0.0/0"}]'
    assert network.parse_routes(text) == ("10.89.0.0/24", "192.0.2.7/32")
    assert network.parse_routes("") == ()


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Save, load, list."""
    state = StateDir(tmp_path / "root", tmp_path / "run")
    assert record.load(state, "try") is None
    record.save(state, OLD)
    assert record.load(state, "try") == OLD
    assert state.names() == ("try",)
    assert record.subnets(state) == (OLD.subnet,)


def test_a_broken_record_says_what_to_type(tmp_path: Path) -> None:
    """Half a file is an error with the way out, not a traceback."""
    state = StateDir(tmp_path / "root", tmp_path / "run")
    record.save(state, OLD)
    (state.sandbox("try") / "record.json").write_text("{")
    with pytest.raises(SandboxError) as caught:
        record.load(state, "try")
    assert caught.value.next == "vpsdeploy sandbox down --name try"
