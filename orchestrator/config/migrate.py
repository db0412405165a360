"""`migrate:` of vpsdeploy.yml: how a release changes the database."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.config.fields import Switch, Text


class MigrateConfig(BaseModel):
    """Run once for each release, on one host, before its instances start."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    command: Text | None = Field(default=None, description="Shell command that migrates; none runs nothing")
    timeout_seconds: int = Field(default=600, ge=1, le=86400, description="Longest migration (seconds)")
    irreversible: Switch = Field(
        default=False, description="Whether releases from before it cannot live with what it does"
    )
