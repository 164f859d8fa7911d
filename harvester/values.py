"""Makes data classes whose methods are not compiled when their module is imported.

The standard library compiles six methods for each frozen class, which takes half a millisecond:
226 classes were a fifth of the time in which a run starts, and a run makes instances of few. Here
the fields are the standard library's, `__init__` is written when the first instance is made (with
the same arguments, and as fast from then on), and the other methods need no text of their own.
Below everything, as `patterns` is, since every package has values.
"""

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass

_MISSING: Final = dataclasses.MISSING


def _dataclass(
    *, slots: bool = False, frozen: bool = False, eq: bool = True, kw_only: bool = False
) -> Any:
    """Decorate a class as `dataclasses.dataclass` does, which has more options."""

    def decorate(cls: type) -> type:
        cls.__doc__ = cls.__doc__ or cls.__name__  # else the standard library looks for one
        own = {name for name in _METHODS if cls.__dict__.get(name) is not None}
        made: Any = dataclasses.dataclass(
            init=False, repr=False, eq=False, slots=slots, kw_only=kw_only
        )(cls)
        if "__init__" not in own:
            made.__init__ = _written_later(made, frozen, slots)
            made.__signature__ = _SIGNATURE
        if "__repr__" not in own:
            made.__repr__ = _repr(made)
        if eq and "__eq__" not in own:
            made.__eq__ = _equal(made)
        if eq and "__hash__" not in own:
            made.__hash__ = _hash(made) if frozen else None
        if frozen:
            made.__setattr__, made.__delattr__ = _refuse_change, _refuse_deletion
            if slots and "__getstate__" not in own:
                made.__getstate__, made.__setstate__ = _state, _restore
        return made  # type: ignore[no-any-return]  # the class

    return decorate


if not TYPE_CHECKING:
    dataclass = _dataclass

_METHODS: Final = ("__init__", "__repr__", "__eq__", "__hash__", "__getstate__")


class _SignatureOnDemand:
    """What `inspect.signature` says of a class; asked for it, `__init__` is written."""

    def __get__(self, instance: object, owner: Any) -> Any:
        if instance is not None:
            raise AttributeError("__signature__")
        from inspect import signature

        init: Any = owner.__init__
        if write := getattr(init, "write", None):
            init = write()
        whole = signature(init)
        return whole.replace(parameters=[*whole.parameters.values()][1:])


_SIGNATURE: Final = _SignatureOnDemand()


def _written_later(cls: Any, frozen: bool, slots: bool) -> Callable[..., None]:
    """Stands for `__init__` until it is called."""

    def write() -> Callable[..., None]:
        cls.__init__ = _init(cls, frozen, slots)
        return cls.__init__  # type: ignore[no-any-return]  # what was just written

    def stand_in(self: Any, *args: Any, **given: Any) -> None:
        write()(self, *args, **given)

    stand_in.write = write  # type: ignore[attr-defined]  # for whoever asks for the signature
    return stand_in


def _init(cls: Any, frozen: bool, slots: bool) -> Callable[..., None]:
    """`__init__`, as the standard library writes it."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_missing": _MISSING}
    positional: list[str] = []
    by_name: list[str] = []
    body: list[str] = []
    for each in dataclasses.fields(cls):
        name, parameter, value = each.name, each.name, each.name
        if each.default is not _MISSING:
            known[f"_of_{name}"] = each.default
            parameter, value = f"{name}=_of_{name}", name if each.init else f"_of_{name}"
        elif each.default_factory is not _MISSING:
            known[f"_of_{name}"] = each.default_factory
            parameter = f"{name}=_missing"
            value = (
                f"_of_{name}() if {name} is _missing else {name}" if each.init else f"_of_{name}()"
            )
        if each.init:
            (by_name if each.kw_only else positional).append(parameter)
        elif each.default_factory is _MISSING and (each.default is _MISSING or not slots):
            continue  # __post_init__ sets it, or the class has it
        body.append(f"_set(_self, {name!r}, {value})" if frozen else f"_self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("_self.__post_init__()")
    taken = ", ".join(["_self", *positional, *(["*", *by_name] if by_name else [])])
    text = "\n ".join([f"def __init__({taken}):", *(body or ["pass"])])
    exec(text, known)  # noqa: S102  # the names of fields, as the standard library does it
    written: Any = known["__init__"]
    written.__qualname__ = f"{cls.__qualname__}.__init__"
    written.__module__ = cls.__module__
    types = {f.name: f.type for f in dataclasses.fields(cls) if f.init}
    written.__annotations__ = {**types, "return": None}
    return written  # type: ignore[no-any-return]  # the function


def _repr(cls: Any) -> Callable[[Any], str]:
    @recursive_repr()
    def shown_as(self: Any) -> str:
        names = (f.name for f in dataclasses.fields(cls) if f.repr)
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({values})"

    return shown_as


def _equal(cls: Any) -> Callable[[Any, object], bool]:
    values = _values(f.name for f in dataclasses.fields(cls) if f.compare)

    def equals(self: Any, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented  # type: ignore[no-any-return]  # as __eq__ may
        return values(self) == values(other)

    return equals


def _hash(cls: Any) -> Callable[[Any], int]:
    values = _values(
        f.name for f in dataclasses.fields(cls) if (f.compare if f.hash is None else f.hash)
    )

    def hashed(self: Any) -> int:
        return hash(values(self))

    return hashed


def _values(names: Any) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of these fields as a tuple."""
    match tuple(names):
        case ():
            return lambda _: ()
        case (name,):
            return lambda value: (getattr(value, name),)
        case several:
            return attrgetter(*several)


def _refuse_change(self: Any, name: str, value: object) -> None:
    if _is_fixed(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _refuse_deletion(self: Any, name: str) -> None:
    if _is_fixed(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _is_fixed(self: Any, name: str) -> bool:
    """A class below that is no data class may have attributes of its own."""
    return name in self.__dataclass_fields__ or "__dataclass_fields__" in type(self).__dict__


def _state(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
