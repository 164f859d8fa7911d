"""Types that accept exactly the values that change nothing in a `Shape`.

The first pass of an export learns what records look like. Once it has seen a few, the others look
the same, and a parser that is given a type made of what was met proves that for a whole block at
once: no key that was not met at its place, no kind of scalar, array or object that was not, and
no integer of another size. What it does not accept may be new, or is text that Python takes and
the parser does not (half a surrogate pair, a number beyond every double).
"""

from typing import Annotated, Any, Final

import msgspec

from harvester.export.survey import EXACT_DOUBLE, INT64, Kind, Shape

_Acceptor = Any  # a type, or a union of some, made at run time

_EXACT: Final = Annotated[int, msgspec.Meta(ge=-EXACT_DOUBLE, le=EXACT_DOUBLE)]
_WIDE: Final = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)]
_SCALARS: Final = ((Kind.FLOAT, float), (Kind.TEXT, str), (Kind.BOOL, bool))


def acceptor(root: Shape) -> msgspec.json.Decoder[list[Any]] | None:
    """A decoder of arrays of values that look as those met so far; raises for any other. None
    where there is no type for any of them.
    """
    found = _accepted(root)
    if root.kinds & Kind.NULL and not root.folded:
        found.append(None)
    if not found:
        return None
    kind = _union(found)
    return msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]  # made at run time


def _accepted(shape: Shape) -> list[_Acceptor]:
    """A type for each kind of value that was met, null left out."""
    if shape.folded:
        return [msgspec.Raw]
    found: list[_Acceptor] = [kind for flag, kind in _SCALARS if shape.kinds & flag]
    if shape.kinds & Kind.HUGE:
        found.append(int)
    elif shape.kinds & Kind.WIDE:
        found.append(_WIDE)
    elif shape.kinds & (Kind.INT | Kind.FLOAT):  # else a float would be any integer
        found.append(_EXACT)
    if shape.items is not None:
        found.append(list[_inner(shape.items)])  # type: ignore[misc]  # made at run time
    if shape.members is not None and (members := _struct(shape.members)) is not None:
        found.append(members)
    return found


def _inner(shape: Shape) -> _Acceptor:
    """What may stand within an object or array: null, too, which every column takes."""
    return msgspec.Raw if shape.folded else _union([*_accepted(shape), None])


def _union(kinds: list[_Acceptor]) -> _Acceptor:
    union = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union


def _struct(members: dict[str, Shape]) -> type[msgspec.Struct] | None:
    """Objects with no other keys than these; None where no such type can be."""
    fields: list[tuple[str, Any, Any]] = [
        (f"f{place}", _inner(member), None) for place, member in enumerate(members.values())
    ]
    try:
        return msgspec.defstruct(
            "Members",
            fields,
            rename={f"f{place}": name for place, name in enumerate(members)},
            forbid_unknown_fields=True,
            gc=False,
        )
    except ValueError:  # a key with a quote, a backslash or a control character
        return None
