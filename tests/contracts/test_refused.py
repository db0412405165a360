"""nginx's log of refused requests has every status that a jail of fail2ban counts, and none that no jail does."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
FILTERS = ROLES / "fail2ban/templates/etc/fail2ban/filter.d"
_STATUS = re.compile(r"replace\('\{status\}', '([^']+)'\)")


def test_the_log_has_what_the_filters_look_for() -> None:
    """Every filter of the access log names its statuses by a regular expression."""
    patterns = [_STATUS.findall(file.read_text()) for file in sorted(FILTERS.glob("vpsdeploy-*.conf.j2"))]
    assert [len(found) for found in patterns] == [1, 1, 1]
    wanted = [n for n in range(100, 600) if any(re.fullmatch(found[0], str(n)) for found in patterns)]
    logged = yaml.safe_load((ROLES / "nginx/vars/main.yml").read_text())["__nginx_refused"]
    assert logged == wanted
