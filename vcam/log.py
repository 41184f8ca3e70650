"""One way to log: a line on stderr, with the priority that the journal understands where it reads along."""

import logging
import os
import sys

# syslog(3) priorities, which systemd's journal takes from the beginning of a line.
PRIORITY = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class JournalFormatter(logging.Formatter):
    """Prefixes each line with its priority."""

    def format(self, record: logging.LogRecord) -> str:
        """`<4>segblur.keeper: text`."""
        return f"<{PRIORITY.get(record.levelno, 6)}>{super().format(record)}"


def set_up_log() -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
