"""What a person sees of a run.

`progress` counts what the events tell; `live` and `plain` show it, on a terminal and in a log;
`closing` is the last screen; `foreground` runs a harvest under a display, with signals;
`rendering`, `checking` and `phrases` put answers, numbers and durations into words.
"""
