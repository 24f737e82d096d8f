"""The service with the policy that stands beside the examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from agents_harness import Service
from agents_service import serving

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service"), (EXAMPLES / "policy.yaml").read_text()) as made:
        yield made
