"""`vpsdeploy status`: the same question as `releases`, shown by host and instance."""

from __future__ import annotations

from orchestrator.workflows.releases import Seen, run

__all__ = ["Seen", "run"]
