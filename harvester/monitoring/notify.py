"""Sends notifications of a run through Apprise: mail, chat, web hooks and a hundred others.

URLs hold secrets, as a rule: they are in no message, and `{env.NAME}` in one is filled in.
"""

import os
from collections.abc import Sequence

from harvester.errors import ConfigError
from harvester.model import Scope, TemplateError, number, one_line, render
from harvester.results import RunNote, Summary
from harvester.terminal import say

_MOST_CHARS = 1000


class Notifier:
    """Sends one message to every URL: on a failure, a stall, and the end."""

    def __init__(self, urls: Sequence[str], name: str) -> None:
        try:
            import apprise
        except ImportError:
            raise ConfigError(
                "--notify needs a library: pip install 'api-harvester[notify]'"
            ) from None
        self._kinds = apprise.NotifyType
        self._name = name
        self._apprise = apprise.Apprise()
        for place, url in enumerate(urls, start=1):
            if not self._apprise.add(_filled(url, place)):
                scheme = url.partition("://")[0] if "://" in url else "it"
                raise ConfigError(
                    f"--notify, URL {place} ({one_line(scheme)}…): no address that Apprise knows; "
                    "such as mailto://, slack://, ntfy://, json://: https://appriseit.com/services/"
                )

    def look(self, note: RunNote, *, stalled: bool) -> None:
        """Nothing to tell."""

    def stall(self, note: RunNote, told: str) -> None:
        """Tell of a stall, once."""
        self._send(f"{self._name}: {told}", _came(note), bad=True)

    def ended(self, note: RunNote, summary: Summary | None, told: str) -> None:
        """Tell of the end."""
        well = summary is not None and summary.complete and summary.ended_by is None
        lines = [told, _came(note)]
        if summary is not None and summary.doubts:
            lines += [f"doubt: {group.told}" for group in summary.doubts[:3]]
        title = f"{self._name}: {told.partition(':')[0]}"
        self._send(title, "\n".join(lines), bad=not well)

    def _send(self, title: str, body: str, *, bad: bool) -> None:
        kind = self._kinds.FAILURE if bad else self._kinds.SUCCESS
        try:
            sent = self._apprise.notify(
                title=one_line(title), body=body[:_MOST_CHARS], notify_type=kind
            )
        except Exception as error:  # any service's; the harvest is none the worse
            say(f"warning: a notification failed: {type(error).__name__}")
            return
        if not sent:
            say("warning: a notification could not be delivered everywhere (--notify)")


def _came(note: RunNote) -> str:
    return f"this run: {number(note.pages, 'page')}, {number(note.records, 'record')}"


def _filled(url: str, place: int) -> str:
    """The URL with its variables."""
    try:
        return str(render(url, Scope(env=os.environ)))
    except TemplateError as error:
        raise ConfigError(f"--notify, URL {place}: {error.message}") from None
