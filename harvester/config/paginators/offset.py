"""Options of `offset`."""

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from harvester.config.options import BodyPath, Count, Text, Whole
from harvester.config.paginators.paging_options import PagingOptions, without_usual
from harvester.config.wording import KeyPath


class Offset(PagingOptions):
    """Records are counted: the offset moves on by the records received, or by `limit`. Ends as
    `page_number`.
    """

    counts: ClassVar[bool] = True
    size_option: ClassVar[str] = "limit"

    type: Literal["offset"]
    offset_param: Text | None = "offset"
    """The query parameter that carries the offset. null: the request names it as `{cursor}`."""
    offset_body_path: BodyPath | None = None
    """The place in the JSON body that carries the offset, instead of `offset_param`."""
    base_offset: Whole = 0
    """The offset of the first record."""
    limit: Count | None = None
    """How many records to ask for."""
    limit_param: Text | None = "limit"
    """The query parameter that carries `limit`. null: not sent (a body says it in `json`)."""
    step: Literal["records", "limit"] = "records"
    """What the offset moves on by: the records received, or `limit`, where the server takes
    records out of a page after it has counted them. Past an empty page it is always `limit`."""

    send_first: bool = True
    """Whether the first request carries its offset."""

    @property
    def counted_in(self) -> tuple[str, str] | None:
        """The option that names the query parameter with the offset, and that parameter."""
        return ("offset_param", self.offset_param) if self.offset_param else None

    @property
    def full_page(self) -> int | None:
        """The limit asked for."""
        return self.limit

    @model_validator(mode="before")
    @classmethod
    def _body_instead(cls, data: Any) -> Any:
        """Let a place in the body stand instead of the usual parameter, not beside it."""
        return without_usual(data, "offset_body_path", "offset_param")

    def faults(self) -> list[tuple[KeyPath, str]]:
        """Say what contradicts itself, as (path, message)."""
        found = super().faults()
        if self.offset_param and self.offset_body_path:
            found.append((("offset_body_path",), "only one of offset_param and offset_body_path"))
        if "limit_param" in self.model_fields_set and self.limit_param and not self.limit:
            found.append((("limit_param",), "needs limit, the number to send"))
        if self.step == "limit" and not self.limit:
            found.append((("step",), "needs limit, the number to move on by"))
        if self.stop_after_empty_page is False and not self.limit:
            place = ("stop_after_empty_page",)
            found.append((place, "false needs limit, to move on by where no record came"))
        return found
