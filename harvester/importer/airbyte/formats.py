"""Turns decoders into `format`: what a stream's pages, or the files of its job, are written in."""

from collections.abc import Mapping
from typing import Any, Final

from harvester.importer.outcome import UnsaidError

_USUAL_ENCODINGS: Final = (None, "utf-8", "utf8", "utf-8-sig", "utf_8")
#: What is unpacked by its first bytes, whatever the YAML says.
_PACKED: Final = ("GzipDecoder", "ZipfileDecoder", "GzipParser")


def format_of(decoder: Mapping[str, Any] | None) -> Any:
    """The format of a decoder's pages; None for JSON. Raises `UnsaidError`."""
    decoder = decoder or {}
    match decoder.get("type"):
        case None | "JsonDecoder" | "JsonParser":
            return None
        case "JsonlDecoder" | "JsonLineParser":
            return "jsonl"
        case "XmlDecoder":
            return "xml"
        case "CsvDecoder" | "CsvParser":
            return _csv(decoder)
        case "CompositeRawDecoder":
            return format_of(decoder.get("parser"))
        case kind if kind in _PACKED:
            inner = decoder.get("decoder") or decoder.get("parser") or decoder.get("inner_parser")
            return format_of(inner)
        case kind:
            name = decoder.get("class_name") or ""
            raise UnsaidError(f"answers that are not JSON: {kind} {name}".rstrip())


def _csv(decoder: Mapping[str, Any]) -> Any:
    odd: dict[str, Any] = {}
    delimiter = decoder.get("delimiter")
    if delimiter not in (None, ","):
        odd["delimiter"] = "\t" if delimiter == "\\t" else delimiter
    if (encoding := decoder.get("encoding")) not in _USUAL_ENCODINGS:
        odd["encoding"] = encoding
    return {"type": "csv", **odd} if odd else "csv"
