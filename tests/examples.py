"""Sets how many random examples hypothesis looks at: all in the whole suite, few in the fast half.

An explicit `max_examples` goes over a profile's, so tests that want many say `@examples(700)`.
"""

import hypothesis

#: The profile of the fast half, and how many examples a test has there at most.
QUICK, QUICK_EXAMPLES = "quick", 25
#: And where one example takes long.
QUICK_SLOW_EXAMPLES = 8


def examples(most: int, *, may_be_slow: bool = False) -> hypothesis.settings:
    """Up to `most` examples, however long they take: a busy machine is no fault. `may_be_slow`:
    nor is an example that takes long to make.
    """
    if hypothesis.settings.get_current_profile_name() == QUICK:
        most = min(most, QUICK_SLOW_EXAMPLES if may_be_slow else QUICK_EXAMPLES)
    return hypothesis.settings(
        max_examples=most,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow] if may_be_slow else (),
    )
