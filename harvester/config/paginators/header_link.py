"""Options of `header_link`."""

from typing import Literal

from harvester.config.options import Text
from harvester.config.paginators.links import LinkOptions


class HeaderLink(LinkOptions):
    """The next URL stands in the Link header (RFC 8288). Ends where there is none."""

    type: Literal["header_link"]
    rel: Text = "next"
    """The relation of the link to follow."""
