"""Options of `page_number`."""

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from harvester.config.options import BodyPath, Text, Whole
from harvester.config.paginators.paging_options import SizedOptions, without_usual
from harvester.config.wording import KeyPath


class PageNumber(SizedOptions):
    """Pages are counted. Ends on an empty page or at the total, unless there is a sign of more, or
    as `has_more_path` and `last_page_path` say.
    """

    counts: ClassVar[bool] = True

    type: Literal["page_number"]
    page_param: Text | None = "page"
    """The query parameter that carries the page number. null: the request names it itself, as
    `{page}` or `{cursor}`."""
    page_body_path: BodyPath | None = None
    """The place in the JSON body that carries the page number, instead of `page_param`."""
    base_page: Whole = 1
    """The number of the first page: 0 or 1, mostly. (dlt's default is 0.)"""
    page_size_param: Text | None = None
    """The query parameter that carries `page_size`."""
    maximum_page: Whole | None = None
    """The number of the last page to ask for."""
    send_first: bool = True
    """Whether the first request carries its page number. With `base_page: 0` and `false`, the
    first has none and the second asks for page 1."""

    @model_validator(mode="before")
    @classmethod
    def _body_instead(cls, data: Any) -> Any:
        """Let a place in the body stand instead of the usual parameter, not beside it."""
        return without_usual(data, "page_body_path", "page_param")

    @property
    def counted_in(self) -> tuple[str, str] | None:
        """The option that names the query parameter with the page number, and that parameter."""
        return ("page_param", self.page_param) if self.page_param else None

    def unsent_size(self) -> str | None:
        """What to do about a page size that no request carries; None where one does."""
        if self.page_size_param:
            return None
        return "add page_size_param, the name of the API's parameter for it"

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        found = super().faults()
        if self.page_param and self.page_body_path:
            found.append((("page_body_path",), "only one of page_param and page_body_path"))
        if self.page_size_param and not self.page_size:
            found.append((("page_size_param",), "needs page_size, the number to send"))
        if self.maximum_page is not None and self.maximum_page < self.base_page:
            found.append((("maximum_page",), f"is before the first page, {self.base_page}"))
        return found
