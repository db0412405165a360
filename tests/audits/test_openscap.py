"""OpenSCAP with the SCAP Security Guide's own profile for a Debian server."""

from __future__ import annotations

import re

import pytest

from tests.audits.conftest import Audited
from tests.support.vps import DEBIAN

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

LEAST = 85.0
PROFILES = "xccdf_org.ssgproject.content_profile_"


def judge(audited: Audited, profile: str, name: str) -> tuple[float, dict[str, list[str]]]:
    """Its own score, and the rules by their results."""
    place, version = audited.fetch("sid", "ssg-debian")
    content = f"{place}/usr/share/xml/scap/ssg/content/ssg-debian{DEBIAN}-ds.xml"
    shown = audited.on(
        "sh", "-c",
        f"cd /root && oscap xccdf eval --profile {PROFILES}{profile} --results r.xml --report r.html {content}; true",
    )  # fmt: skip
    audited.keep(f"openscap-{name}.txt", shown)
    audited.keep(f"openscap-{name}.html", audited.on("cat", "/root/r.html"))
    score = float(re.findall(r"<score[^>]*>([\d.]+)</score>", audited.on("cat", "/root/r.xml"))[0])
    rules: dict[str, list[str]] = {}
    for rule, result in re.findall(r"^Rule\t(\S+)\n(?:.*\n)*?Result\t(\w+)$", shown, re.MULTILINE):
        rules.setdefault(result, []).append(rule.rpartition("rule_")[2])
    counts = {result: len(names) for result, names in rules.items()}
    audited.figure(f"openscap {name}", {"score": round(score, 1), **counts, "content": version})
    return score, rules


def test_openscap(audited: Audited) -> None:
    audited.install("openscap-scanner")
    for prof in ("standard",):
        print(judge(audited, prof, prof + "-container"))
    audited.install("linux-base")
    for prof in ("standard", "cis_level1_server"):
        s, r = judge(audited, prof, prof)
        print(prof, s, {k: v for k, v in r.items() if k not in ("pass", "notapplicable", "notselected")})
