"""A shell of root behind pkexec, which asks for the password once, in a window of the desktop.

The shell reads commands from its standard input. Each is written when the one before has ended, so that the user's own
commands run in their place between them, and nothing more is done once this process is gone. What root's shell reads
is made here and nowhere else: every word, and the text of every file, goes through `shlex.quote`.
"""

import secrets
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from vcam.errors import SegBlurError
from vcam.host.facts import find_program
from vcam.host.steps import Call
from vcam.system.atomic_write import write

Tell = Callable[[str], None]  # is given each line that a command prints
Runner = Callable[[Call, Tell], int]  # runs a command and returns its exit code
DISMISSED, NOT_ALLOWED = 126, 127  # exit codes of pkexec(1), before it has started anything
# pkexec has removed the user's environment and set PATH to root's own folders. `passed` reads what a command prints to
# its end, also when nobody reads any more what it passes on: a package manager that can't print stops halfway.
START = """\
umask 022
export DEBIAN_FRONTEND=noninteractive
passed() {
  trap '' PIPE
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\\n' "$line" || :
    case $line in "$1"*) break ;; esac
  done 2>/dev/null
}
"""


@contextmanager
def root_shell() -> Iterator[Runner]:
    """What runs commands as root, until the end of the block. Raises SegBlurError where that is refused."""
    mark = secrets.token_hex(16)  # which no command prints by chance
    # In a session of its own: neither Ctrl-C nor a terminal that is closed ends a package manager halfway.
    with subprocess.Popen(
        [find_program("pkexec"), "--disable-internal-agent", "/bin/sh", "-s"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="surrogateescape",
        start_new_session=True,
    ) as shell:

        def run(call: Call, tell: Tell) -> int:
            code = answer(shell, framed(line(call), mark), mark, tell)
            if code is None:
                raise SegBlurError(
                    f"the shell of root ended during `{shlex.join(call.words)}` (exit code {shell.wait()}): see "
                    "segblur doctor; segblur setup continues from here"
                )
            return code

        messages: list[str] = []
        try:
            ready = answer(shell, START + framed(":", mark), mark, messages.append)
        except BaseException:
            with suppress(OSError):
                shell.terminate()  # as long as it asks, pkexec is a process of this user
            raise
        if ready is None:
            raise SegBlurError(refusal(shell.wait(), messages))
        yield run


def line(call: Call) -> str:
    """A command for the shell."""
    command = shlex.join(call.words)
    return command if call.text is None else f"printf %s {shlex.quote(call.text)} | {command} >/dev/null"


def framed(command: str, mark: str) -> str:
    """The command, which reads nothing of what follows, and a line with the mark and its exit code."""
    return f"{{ {command}\nprintf '\\n{mark} %s\\n' \"$?\"; }} </dev/null 2>&1 | passed {mark}\n"


def answer(shell: "subprocess.Popen[str]", text: str, mark: str, tell: Tell) -> int | None:
    """Have the shell read this; the exit code of its command, once it has ended, after each of its lines was passed on,
    but for empty ones. None where the shell has ended.
    """
    assert shell.stdin
    assert shell.stdout
    with suppress(BrokenPipeError):
        write(shell.stdin.fileno(), text.encode(errors="surrogateescape"))
    for output in shell.stdout:
        if output.startswith(mark):
            return int(output.split()[1])
        if output.strip():
            tell(output.rstrip("\n"))
    return None


def refusal(code: int, messages: list[str]) -> str:
    """The sentence about a shell that was not started."""
    if code == DISMISSED:
        return "you did not give the password, so nothing was changed"
    if code == NOT_ALLOWED:
        reason = f" ({messages[0]})" if messages else ""
        return (
            "the password was not accepted, or this desktop has no window that asks for one, so nothing was "
            f"changed{reason}: run segblur setup in a terminal"
        )
    return f"pkexec failed with exit code {code}, and nothing was changed: run segblur setup in a terminal"
