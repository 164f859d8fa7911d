"""Keeps as JSON the look of the values that an export has written: the next one goes on from it.

The columns of what is appended follow from all records, those that were written before among them,
without a second look at these.
"""

from dataclasses import asdict, field
from typing import Any

from harvester.export.casting import Tally
from harvester.export.survey import Kind, Shape
from harvester.export.text_kinds import TextKind
from harvester.values import dataclass


@dataclass(slots=True)
class Known:
    """What the records, the partition values and, under `--cast`, the texts looked like."""

    records: Shape = field(default_factory=Shape)
    partitions: Shape = field(default_factory=Shape)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "records": _said(self.records),
            "partitions": _said(self.partitions),
            "tallies": {name: _tally_said(each) for name, each in self.tallies.items()},
        }


def known_from(said: Any) -> Known:
    """What `as_dict` gave. Raises KeyError, TypeError or ValueError for anything else."""
    return Known(
        _shape(said["records"]),
        _shape(said["partitions"]),
        {name: _tally(each) for name, each in said["tallies"].items()},
    )


def _said(shape: Shape) -> dict[str, Any]:
    said: dict[str, Any] = {"kinds": int(shape.kinds)}
    if shape.folded:
        said["folded"] = True
    if shape.items is not None:
        said["items"] = _said(shape.items)
    if shape.members is not None:
        said["members"] = {name: _said(each) for name, each in shape.members.items()}
    return said


def _shape(said: Any) -> Shape:
    shape = Shape()
    shape.kinds = Kind(said["kinds"])
    shape.folded = said.get("folded", False)
    if "items" in said:
        shape.items = _shape(said["items"])
    if "members" in said:
        shape.members = {name: _shape(each) for name, each in said["members"].items()}
    return shape


def _tally_said(tally: Tally) -> dict[str, Any]:
    kinds = {
        name: {kind.value: each for kind, each in getattr(tally, name).items()}
        for name in ("counts", "first")
    }
    return {**asdict(tally), **kinds}


def _tally(said: Any) -> Tally:
    kinds = {
        name: {TextKind(kind): each for kind, each in said[name].items()}
        for name in ("counts", "first")
    }
    return Tally(**{**said, **kinds})
