"""Draws Vega-Lite as SVG: the only module that imports vl-convert, which needs no browser.

Drawn once, here: the page carries no plotting code, works without scripts, and prints. Text in a
specification comes out as text, escaped by Vega.
"""

import html
from typing import Any, Final

from harvester.errors import ConfigError
from harvester.patterns import pattern

_VEGA_LITE: Final = "6.4"  # what the specifications were written and looked at with
#: A file of its own would need these; in a page they are noise, and look like links.
_NAMESPACES: Final = pattern(r' xmlns(:xlink)?="[^"]*"| version="1\.1"')


def svg(spec: dict[str, Any], label: str) -> str:
    """The chart as an `<svg>` element that fits into a page; `label` is for screen readers.

    Raises `ConfigError` where the extra is not installed.
    """
    vega = _vega()
    drawn: str = vega.vegalite_to_svg(spec, vl_version=_VEGA_LITE, allowed_base_urls=[])
    head, mark, rest = drawn.partition(">")
    named = f'<svg role="group" aria-label="{html.escape(label)}"'
    return _NAMESPACES.sub("", head).replace("<svg", named, 1) + mark + rest


def _vega() -> Any:
    try:
        import vl_convert
    except ModuleNotFoundError as error:
        raise ConfigError(missing(error.name or "vl_convert")) from error
    return vl_convert


def missing(module: str) -> str:
    """What to say where a library of the extra is missing."""
    return (
        f"`harvester report` needs {module}, which is not installed; "
        "install it with: pip install 'api-harvester[report]'"
    )
