"""One way to log: a line on stderr, with the priority that the journal understands where it reads along."""

import logging
import os
import resource
import select
import sys
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import TextIO

# syslog(3) priorities, which systemd's journal takes from the beginning of a line.
PRIORITY = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


MINUTE = 60.0  # seconds


class JournalFormatter(logging.Formatter):
    """Prefixes each line with its priority."""

    def format(self, record: logging.LogRecord) -> str:
        """`<4>segblur.keeper: text`."""
        return f"<{PRIORITY.get(record.levelno, 6)}>{super().format(record)}"


class PatientHandler(logging.StreamHandler[TextIO]):
    """Drops lines that can't be written at once: a full pipe on stderr must not stop the picture."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line if that is possible at once."""
        ready = select.poll()
        try:
            ready.register(self.stream, select.POLLOUT)
        except (OSError, ValueError):
            return  # closed
        if ready.poll(0):
            super().emit(record)


class Repeated:
    """Logs what comes again and again when it is new, and then at most once a minute with a count. What is told apart
    is the sentence, or all of them are one kind of trouble.
    """

    def __init__(
        self, log: Callable[[str], None], one_kind: bool = False, now: Callable[[], float] = monotonic
    ) -> None:
        self._log, self._one_kind, self._now = log, one_kind, now
        self._sentence, self._count, self._logged = "", 0, -inf

    def __call__(self, sentence: str) -> None:
        """Log it, or count it."""
        now = self._now()
        same = self._one_kind or sentence == self._sentence
        self._count = self._count + 1 if same else 1
        self._sentence = sentence
        if not same or now - self._logged >= MINUTE:
            self._log(sentence if self._count == 1 else f"{sentence} ({self._count} times since the last report)")
            self._count, self._logged = 0, now


def keep_no_core() -> None:
    """No core file of a process that holds pictures of the room."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def set_up_log() -> None:
    """Log to stderr from now on."""
    handler = PatientHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
