"""One real service for the tests of one framework."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

FRAMEWORK = os.environ.get("SIGNOFF_TEST_FRAMEWORK", "")
# Each framework's tests need an environment of their own, which `python tests/agents/run.py` makes.
collect_ignore = [path.name for path in Path(__file__).parent.iterdir() if path.is_dir() and path.name != FRAMEWORK]

if FRAMEWORK:
    # A framework may have its folder's name, which pytest would give to a module that it makes for the folder.
    with suppress(ImportError):
        import_module(FRAMEWORK)

    from agents_harness import Desk, Service
    from agents_service import serving

    @pytest.fixture(scope="session")
    def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
        with serving(tmp_path_factory.mktemp("service")) as made:
            yield made

    @pytest.fixture
    def desk(service: Service) -> Iterator[Desk]:
        """This test's own corner of the service."""
        with service.desk() as made:
            yield made
