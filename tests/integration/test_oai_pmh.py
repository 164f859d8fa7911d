"""configs/oai_pmh.yaml against a real provider, killed once."""

import json
import warnings
from pathlib import Path

import pytest

from harvester import iter_records, verify
from tests.integration.test_format_harvests import harvested_with_a_kill

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pyoai uses what setuptools will take away
    pytest.importorskip("oaipmh")
    from tests.oai_provider import provider

CONFIG = Path(__file__).parents[2] / "configs" / "oai_pmh.yaml"


def test_killed_once_a_real_provider_is_harvested_whole(tmp_path: Path) -> None:
    """Month by month with resumption tokens; deleted records, and months without any."""
    text = CONFIG.read_text().replace("end: now", "end: 2024-06-01")
    text = text.replace(
        "  rate_limit: {requests: 1, per: 2s}     # 30 a minute for anonymous users", ""
    )
    path = tmp_path / "oai.yaml"
    path.write_text(text)
    out = tmp_path / "out"
    harvested_with_a_kill(path, out, provider(count=70, batch=10))
    found = [json.loads(line) for line in iter_records(out)]
    names = {each["header"]["identifier"] for each in found}
    assert names == {f"oai:example.org:{n}" for n in range(70)}
    assert len(found) == 70
    deleted = [each for each in found if each["header"].get("@status") == "deleted"]
    assert [each["header"]["identifier"] for each in deleted] == ["oai:example.org:5"]
    titles = [each["metadata"]["oai_dc:dc"]["dc:title"] for each in found if "metadata" in each]
    assert "On <oai:example.org:0> & more" in titles
    assert verify(out, deep=True).ok
