"""Options of `json_link`."""

from typing import Literal

from harvester.config.options import PagePath
from harvester.config.paginators.links import LinkOptions


class JsonLink(LinkOptions):
    """The next URL stands in the page: absolute, relative, a bare query string, or an object with
    `href`, `method` and `body` (STAC). Ends where there is none.
    """

    type: Literal["json_link"]
    next_url_path: PagePath = "next"
    """Path to the next link in the page."""
