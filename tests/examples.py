"""Sets how many random examples hypothesis looks at: all in the whole suite, few in the fast half.

An explicit `max_examples` goes over a profile's, so tests that want many say `@examples(700)`.
"""

import hypothesis

#: The profile of the fast half, and how many examples a test has there at most.
QUICK, QUICK_EXAMPLES = "quick", 25


def examples(most: int, *, may_be_slow: bool = False) -> hypothesis.settings:
    """Up to `most` examples, however long they take: a busy machine is no fault. `may_be_slow`:
    nor is an example that takes long to make.
    """
    quick = hypothesis.settings.get_current_profile_name() == QUICK
    return hypothesis.settings(
        max_examples=min(most, QUICK_EXAMPLES) if quick else most,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow] if may_be_slow else (),
    )
