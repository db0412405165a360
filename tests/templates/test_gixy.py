"""gixy-ng on what the role nginx writes for hosts of every kind: it knows what nginx takes and should not be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.gixy import STAYS, findings
from tests.templates.conftest import Judge
from tests.templates.test_templates import NGINX_CASES, nginx_tree


@pytest.mark.parametrize("values", NGINX_CASES.values(), ids=NGINX_CASES.keys())
def test_nothing_is_found_but_what_stays(judge: Judge, tmp_path: Path, values: dict[str, Any]) -> None:
    """Of what nginx reads in the end."""
    nginx_tree(tmp_path, values)
    assert _found(judge, tmp_path) <= STAYS.keys()


def test_what_is_wrong_is_found(judge: Judge, tmp_path: Path) -> None:
    """By this very way: a finding of the kind that was there once."""
    nginx_tree(tmp_path, {})
    (limits,) = tmp_path.glob("etc/nginx/apps/*/limits.conf")
    limits.write_text(limits.read_text().replace("    return 418;", "    set $evil 1;\n    return 418;", 1))
    assert "if_is_evil" in _found(judge, tmp_path)


def _found(judge: Judge, root: Path) -> set[str]:
    dump = root / "dump"
    dump.write_text(judge("nginx", "-T", "-q", "-c", str(root / "etc/nginx/nginx.conf"), "-e", "stderr"))
    return {one["plugin"] for one in findings(dump)}
