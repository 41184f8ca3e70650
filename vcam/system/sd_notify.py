"""What a service of systemd's tells its manager: a line of text to a socket, see sd_notify(3)."""

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send lines such as READY=1, STATUS=text or WATCHDOG=1, together. Does nothing where no manager listens, and
    never waits or raises: the picture is more important than who hears of it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # an abstract socket
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        text = "\n".join(" ".join(line.splitlines()) for line in lines)  # one line each, whatever it quotes
        link.sendto(text.encode(errors="replace"), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, address)


def watchdog_interval() -> float | None:
    """Seconds within which WATCHDOG=1 must come again (send it twice as often), None where there is no watchdog."""
    wanted = os.environ.get("WATCHDOG_PID", "")
    if wanted and wanted != str(os.getpid()):
        return None  # meant for the process that started this one
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
