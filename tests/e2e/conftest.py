"""What the end-to-end tests of one session share."""

from __future__ import annotations

import pytest

from tests.support.nest_projects import GeneratedProjects


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> GeneratedProjects:
    """Projects made by the Nest CLI; each kind is generated and built once."""
    return GeneratedProjects(tmp_path_factory.mktemp("generated"))
