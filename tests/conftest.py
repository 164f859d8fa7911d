"""Settings of the whole suite."""

from pathlib import Path

import hypothesis
import pytest

# How long an example takes says more of the machine, and of what else runs on it, than of the code.
hypothesis.settings.register_profile("harvester", deadline=None)
hypothesis.settings.load_profile("harvester")
# Whoever leaves the slow tests out wants a quick word; the whole suite looks at all examples.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=25)

#: Folders whose tests all have a marker, that of the folder's name.
_MARKED = ("faults", "slow")


def pytest_configure(config: pytest.Config) -> None:
    """Fewer random examples in the fast half."""
    if "not slow" in str(config.getoption("markexpr")):
        hypothesis.settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder that they lie in."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in _MARKED:
            item.add_marker(folder)
