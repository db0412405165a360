"""When hosts may restart by themselves."""

from __future__ import annotations

from orchestrator.model.fleet import Host
from orchestrator.plan import reboots


def hosts(*times: str) -> list[Host]:
    """web-1, web-2 … with these times."""
    return [Host(f"web-{n}", f"10.0.0.{n}", reboot_at=time) for n, time in enumerate(times, 1)]


def test_hosts_that_name_one_time_come_one_after_the_other() -> None:
    """A quarter of an hour apart, in the order of the inventory, past midnight too."""
    assert reboots.times(hosts("23:40", "23:40", "23:40")) == {
        "web-1": "23:40", "web-2": "23:55", "web-3": "00:10",
    }  # fmt: skip


def test_a_time_of_its_own_is_kept() -> None:
    """And a host without one never restarts by itself."""
    assert reboots.times(hosts("03:30", "", "04:00")) == {"web-1": "03:30", "web-3": "04:00"}
