"""OpenSCAP with the SCAP Security Guide's own profile for a Debian server."""

from __future__ import annotations

import re

import pytest

from tests.audits.conftest import Audited
from tests.support.vps import DEBIAN

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

LEAST = 85.0
PROFILE = "xccdf_org.ssgproject.content_profile_standard"

FETCH = r"""
set -eu
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
  | grep -oE 'https?://[^ ]+' | grep -v security | head -1)
rm -rf /root/ssg && mkdir -p /root/ssg/lists/partial && cd /root/ssg
echo "deb $mirror sid main" > sid.list
sid() {
  apt-get -q -o Dir::Etc::SourceList=/root/ssg/sid.list -o Dir::Etc::SourceParts=- \
    -o Dir::State::Lists=/root/ssg/lists -o APT::Sandbox::User=root "$@" >/dev/null
}
sid update
sid download ssg-debian
dpkg-deb -x ssg-debian_*.deb .
ls usr/share/xml/scap/ssg/content/ ssg-debian_*.deb
"""
"""The newest content, which is data: Debian's releases judge their predecessors only. Nothing of sid is installed."""


def test_the_standard_profile_holds_for_85_percent(audited: Audited) -> None:
    """Its own score; each rule that fails is in the report, and in docs/security.md with its reason."""
    audited.install("openscap-scanner")
    audited.keep("ssg.txt", audited.on("sh", "-c", FETCH))
    content = f"/root/ssg/usr/share/xml/scap/ssg/content/ssg-debian{DEBIAN}-ds.xml"
    shown = audited.on(
        "sh",
        "-c",
        f"cd /root && oscap xccdf eval --profile {PROFILE} --results r.xml --report r.html {content}; true",
    )
    audited.keep("openscap-standard.txt", shown)
    audited.keep("openscap-standard.html", audited.on("cat", "/root/r.html"))
    score = float(re.findall(r"<score[^>]*>([\d.]+)</score>", audited.on("cat", "/root/r.xml"))[0])
    results = re.findall(r"^Rule\t(\S+)\n(?:.*\n)*?Result\t(\w+)$", shown, re.MULTILINE)
    failed = [name.rpartition("rule_")[2] for name, result in results if result == "fail"]
    passed = sum(result == "pass" for _, result in results)
    audited.figure("openscap standard", {"score": round(score, 1), "pass": passed, "fail": failed})
    assert passed, shown
    assert score >= LEAST, failed
