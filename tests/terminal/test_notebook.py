"""What a notebook shows: a harvest as a table, a run as a bar. IPython itself runs the cells."""

from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from harvester import Harvest, ProgressBar, harvest
from tests.support import ITEMS, Scripted, chain, config


def shown(cell: str, names: dict[str, Any]) -> list[str]:
    """The HTML that a cell of IPython shows, in order."""
    shell: Any = InteractiveShell.instance()
    shell.user_ns.update(names)
    shell.display_formatter.active_types = ["text/html", "text/plain"]
    with capture_output() as captured:
        done = shell.run_cell(cell)
        done.raise_error()
    pages = [output.data["text/html"] for output in captured.outputs if "text/html" in output.data]
    return [str(page) for page in pages]


def test_a_harvest_is_a_table(tmp_path: Path) -> None:
    """Its resources in numbers; where there is none, that; nothing in it is markup."""
    out = tmp_path / "<b>out"
    with Scripted(chain(2)) as server:
        harvest(config(tmp_path, ITEMS, server.base_url), out=out)
    html = Harvest(out)._repr_html_()
    assert "<td>items</td><td>1 of 1</td><td>2</td><td>6</td>" in html
    assert "complete" in html
    assert "&lt;b&gt;out" in html
    assert "<b>out" not in html
    assert "no harvest.json here" in Harvest(tmp_path / "none")._repr_html_()


def test_a_run_is_a_bar(tmp_path: Path) -> None:
    """One display, redrawn; the last says that all is there."""
    with Scripted(chain(3)) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        pages = shown(
            "harvest(config, out=out, on_event=ProgressBar(config)); Harvest(out)",
            {"harvest": harvest, "ProgressBar": ProgressBar, "config": asked,
             "out": tmp_path / "out", "Harvest": Harvest},
        )  # fmt: skip
    assert "<progress" in pages[0]
    assert any("1 of 1 partition, 3 pages, 9 records" in page for page in pages)


def test_outside_of_a_notebook_nothing_is_shown(tmp_path: Path, capfd: Any) -> None:
    """It counts, and says nothing."""
    InteractiveShell.clear_instance()
    with Scripted(chain(1)) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        bar = ProgressBar(asked)
        harvest(asked, out=tmp_path / "out", on_event=bar)
    assert "1 of 1 partition" in bar.html()
    assert capfd.readouterr() == ("", "")
