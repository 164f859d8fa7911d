"""A sample of the proofs of several machines; `python -m tests.slow.machines` runs them whole."""

from pathlib import Path

import pytest

from tests.object_servers import seaweed_server, weed
from tests.slow.long_chain import long


@pytest.mark.slow("real servers and processes, killed")
@pytest.mark.skipif(weed() is None, reason="SeaweedFS is not here")
def test_one_partition_in_a_bucket(tmp_path: Path) -> None:
    """What its pages ask of the store, what going on with it does, and a kill."""
    with seaweed_server() as s3:
        assert long(tmp_path, s3, pages=120, killed=40, kills=1) == []
