"""What `vpsdeploy init` found and wrote."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model.build import Finding


@dataclass(frozen=True, slots=True)
class Started:
    """A project that has its first configuration.

    Attributes:
        app: Name of the app.
        findings: What was detected, and how.
        written: Files written, relative to the project.
        kept: Files that were there already, relative to the project.
        is_placeholder: Whether the production host has an address that no host has.
    """

    app: str
    findings: tuple[Finding, ...]
    written: tuple[str, ...]
    kept: tuple[str, ...]
    is_placeholder: bool
