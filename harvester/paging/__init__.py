"""Leads from a page to the next request: paginators, response rules, what proves an end."""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.paging.body_texts import BodyTexts
    from harvester.paging.comparing import (
        Shared,
        is_sure,
        key_of,
        member_text,
        shared,
    )
    from harvester.paging.contradictions import (
        NeverThere,
        at_the_end,
        unread,
    )
    from harvester.paging.endpoint import (
        Endpoint,
        bare_request,
        reference_values,
    )
    from harvester.paging.link_header import (
        link_target,
    )
    from harvester.paging.page_fields import (
        BEYOND,
        CURSOR,
        DELTA,
        FIELDS,
        LARGEST,
        REACHED,
        RUN_NOW,
        RUN_START,
        SMALLEST,
        SPLIT_TOTAL,
        STOP,
        TOTAL,
    )
    from harvester.paging.paginator import (
        Done,
        Page,
        Paginator,
    )
    from harvester.paging.paginators import (
        paginator_of,
    )
    from harvester.paging.paginators.job_files import (
        file_cursor,
        numbered,
    )
    from harvester.paging.recognition import (
        MOST_ALIKE,
        Recognition,
    )
    from harvester.paging.response_rules import (
        announced_wait,
        disguised_limit,
        is_page,
        judge,
        known_waits,
        rule_fields,
    )
    from harvester.paging.signs import (
        MORE,
        NEXTISH,
        NO_MORE,
        TOTAL_PAGES,
        TOTALS,
        Sign,
        Unit,
        envelope,
        more_than,
        of_body,
        of_headers,
        plain,
    )
    from harvester.paging.totals import (
        beyond,
        counted_in,
        measured,
        total_of,
    )


__all__ = [
    "BEYOND",
    "CURSOR",
    "DELTA",
    "FIELDS",
    "LARGEST",
    "MORE",
    "MOST_ALIKE",
    "NEXTISH",
    "NO_MORE",
    "REACHED",
    "RUN_NOW",
    "RUN_START",
    "SMALLEST",
    "SPLIT_TOTAL",
    "STOP",
    "TOTAL",
    "TOTALS",
    "TOTAL_PAGES",
    "BodyTexts",
    "Done",
    "Endpoint",
    "NeverThere",
    "Page",
    "Paginator",
    "Recognition",
    "Shared",
    "Sign",
    "Unit",
    "announced_wait",
    "at_the_end",
    "bare_request",
    "beyond",
    "counted_in",
    "disguised_limit",
    "envelope",
    "file_cursor",
    "is_page",
    "is_sure",
    "judge",
    "key_of",
    "known_waits",
    "link_target",
    "measured",
    "member_text",
    "more_than",
    "numbered",
    "of_body",
    "of_headers",
    "paginator_of",
    "plain",
    "reference_values",
    "rule_fields",
    "shared",
    "total_of",
    "unread",
]


__getattr__ = names_of(
    __name__,
    {
        "body_texts": "BodyTexts",
        "comparing": "Shared is_sure key_of member_text shared",
        "contradictions": "NeverThere at_the_end unread",
        "endpoint": "Endpoint bare_request reference_values",
        "link_header": "link_target",
        "page_fields": "BEYOND CURSOR DELTA FIELDS LARGEST REACHED RUN_NOW RUN_START "
        "SMALLEST SPLIT_TOTAL STOP TOTAL",
        "paginator": "Done Page Paginator",
        "paginators": "paginator_of",
        "paginators.job_files": "file_cursor numbered",
        "recognition": "MOST_ALIKE Recognition",
        "response_rules": "announced_wait disguised_limit is_page judge known_waits rule_fields",
        "signs": "MORE NEXTISH NO_MORE TOTAL_PAGES TOTALS Sign Unit envelope more_than "
        "of_body of_headers plain",
        "totals": "beyond counted_in measured total_of",
    },
)
