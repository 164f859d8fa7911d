"""Settings of the whole suite."""

from pathlib import Path

import hypothesis
import pytest

# How long an example takes says more of the machine, and of what else runs on it, than of the code.
hypothesis.settings.register_profile("harvester", deadline=None)
hypothesis.settings.load_profile("harvester")

#: Folders whose tests all have a marker, that of the folder's name.
_MARKED = ("faults", "slow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder that they lie in."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in _MARKED:
            item.add_marker(folder)
