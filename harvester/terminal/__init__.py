"""Shows a person what a run does.

`progress` counts what the events tell; `live` and `plain` show it, on a terminal and in a log;
`closing` is the last screen; `foreground` runs a harvest under a display, with signals;
`rendering`, `checking` and `phrases` put answers, numbers and durations into words.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harvester.terminal.calling import program as program
    from harvester.terminal.checking import lint_text as lint_text
    from harvester.terminal.checking import seen_table as seen_table
    from harvester.terminal.closing import colour as colour
    from harvester.terminal.closing import compared as compared
    from harvester.terminal.closing import doubled as doubled
    from harvester.terminal.closing import doubted as doubted
    from harvester.terminal.closing import is_of_before as is_of_before
    from harvester.terminal.closing import last_screen as last_screen
    from harvester.terminal.closing import share_of_budgets as share_of_budgets
    from harvester.terminal.closing import standing as standing
    from harvester.terminal.exported import casts_text as casts_text
    from harvester.terminal.foreground import again as again
    from harvester.terminal.foreground import ended_by_signals as ended_by_signals
    from harvester.terminal.foreground import harvest_watched as harvest_watched
    from harvester.terminal.foreground import stderr_columns as stderr_columns
    from harvester.terminal.foreground import stderr_is_terminal as stderr_is_terminal
    from harvester.terminal.foreground import watched as watched
    from harvester.terminal.logged import show_log as show_log
    from harvester.terminal.notebook import ProgressBar as ProgressBar
    from harvester.terminal.progress import Progress as Progress
    from harvester.terminal.rendering import answer as answer
    from harvester.terminal.rendering import clear_screen as clear_screen
    from harvester.terminal.rendering import copied_text as copied_text
    from harvester.terminal.rendering import cost_text as cost_text
    from harvester.terminal.rendering import examples_text as examples_text
    from harvester.terminal.rendering import following as following
    from harvester.terminal.rendering import is_installed as is_installed
    from harvester.terminal.rendering import needs_text as needs_text
    from harvester.terminal.rendering import print_json as print_json
    from harvester.terminal.rendering import print_json_line as print_json_line
    from harvester.terminal.rendering import print_plan as print_plan
    from harvester.terminal.rendering import proposal_text as proposal_text
    from harvester.terminal.rendering import resources_text as resources_text
    from harvester.terminal.rendering import say as say
    from harvester.terminal.rendering import say_as_json as say_as_json
    from harvester.terminal.rendering import say_event as say_event
    from harvester.terminal.rendering import stdout_columns as stdout_columns
    from harvester.terminal.rendering import tick as tick
    from harvester.terminal.rendering import write_blocks as write_blocks
    from harvester.terminal.run_state import running as running
    from harvester.terminal.steps import Steps as Steps
    from harvester.terminal.streams import flush as flush
    from harvester.terminal.streams import leave as leave
    from harvester.terminal.streams import lose as lose
    from harvester.terminal.streams import open_missing as open_missing
    from harvester.terminal.streams import still as still
    from harvester.terminal.streams import takes_more as takes_more

#: Each name by its module, which is imported when it is first used: some take a while.
_HOMES = {
    "still": "streams",
    "open_missing": "streams",
    "lose": "streams",
    "flush": "streams",
    "leave": "streams",
    "Steps": "steps",
    "again": "foreground",
    "answer": "rendering",
    "last_screen": "closing",
    "share_of_budgets": "closing",
    "casts_text": "exported",
    "colour": "closing",
    "compared": "closing",
    "doubled": "closing",
    "doubted": "closing",
    "ended_by_signals": "foreground",
    "copied_text": "rendering",
    "cost_text": "rendering",
    "examples_text": "rendering",
    "following": "rendering",
    "harvest_watched": "foreground",
    "is_installed": "rendering",
    "is_of_before": "closing",
    "lint_text": "checking",
    "needs_text": "rendering",
    "print_json": "rendering",
    "print_plan": "rendering",
    "program": "calling",
    "proposal_text": "rendering",
    "resources_text": "rendering",
    "Progress": "progress",
    "ProgressBar": "notebook",
    "say": "rendering",
    "say_as_json": "rendering",
    "say_event": "rendering",
    "seen_table": "checking",
    "standing": "closing",
    "clear_screen": "rendering",
    "print_json_line": "rendering",
    "running": "run_state",
    "takes_more": "streams",
    "stderr_columns": "foreground",
    "stderr_is_terminal": "foreground",
    "show_log": "logged",
    "stdout_columns": "rendering",
    "tick": "rendering",
    "watched": "foreground",
    "write_blocks": "rendering",
}

__all__ = [
    "Progress",
    "ProgressBar",
    "Steps",
    "again",
    "answer",
    "casts_text",
    "clear_screen",
    "colour",
    "copied_text",
    "cost_text",
    "doubled",
    "doubted",
    "ended_by_signals",
    "examples_text",
    "flush",
    "following",
    "harvest_watched",
    "is_installed",
    "is_of_before",
    "last_screen",
    "leave",
    "lint_text",
    "lose",
    "needs_text",
    "open_missing",
    "print_json",
    "print_json_line",
    "print_plan",
    "program",
    "proposal_text",
    "resources_text",
    "running",
    "say",
    "say_as_json",
    "say_event",
    "seen_table",
    "share_of_budgets",
    "show_log",
    "standing",
    "stderr_columns",
    "stderr_is_terminal",
    "stdout_columns",
    "still",
    "takes_more",
    "tick",
    "watched",
    "write_blocks",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
