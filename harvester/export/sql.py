"""Spells the columns of a table in DuckDB's SQL: types, names, texts."""

from typing import assert_never

from harvester.export.columns import Cast, Fixed, ListOf, Scalar, Struct, Type


def sql_type(kind: Type) -> str:
    """A type as DuckDB calls it."""
    match kind:
        case ListOf(items):
            return f"{sql_type(items)}[]"
        case Struct(members):
            inner = ", ".join(f"{sql_name(name)} {sql_type(each)}" for name, each in members)
            return f"STRUCT({inner})"
        case Cast(to):
            return f"DECIMAL(38,{to.scale})" if isinstance(to, Fixed) else to.value
        case Scalar():
            return kind.value
    assert_never(kind)


def sql_name(name: str) -> str:
    """A name within quotes."""
    return '"' + name.replace('"', '""') + '"'


def sql_text(value: str) -> str:
    """A text within quotes."""
    return "'" + value.replace("'", "''") + "'"
