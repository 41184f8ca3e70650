"""What the window starts: the service by systemd, and other commands of ours."""

from collections.abc import Callable, Sequence
from shutil import which

from PySide6.QtCore import QObject, QProcess
from shiboken6 import isValid

from vcam.panel import texts
from vcam.system.program import program

Done = Callable[[int, str], None]  # exit code, 127 where it could not be started; what it printed


def new_process(parent: QObject) -> QProcess:
    """A process without input, not started yet. It is ended with its parent, where Qt would complain."""
    process = QProcess(parent)
    process.setStandardInputFile(QProcess.nullDevice())

    def end() -> None:
        if isValid(process) and process.state() != QProcess.ProcessState.NotRunning:
            process.blockSignals(True)  # nobody is left who could be told
            process.kill()
            process.waitForFinished()

    parent.destroyed.connect(end)
    return process


def call(parent: QObject, words: Sequence[str], done: Done) -> None:
    """Run a command, and tell it when it has ended."""
    process = new_process(parent)

    def ended(code: int, how: QProcess.ExitStatus) -> None:
        output = bytes(process.readAllStandardOutput().data()).decode(errors="replace")
        process.deleteLater()
        done(code if how == QProcess.ExitStatus.NormalExit else 127, output)

    def failed(error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:  # the others end it, too
            process.deleteLater()
            done(127, "")

    process.finished.connect(ended)
    process.errorOccurred.connect(failed)
    process.start(words[0], list(words[1:]))


def call_segblur(parent: QObject, words: Sequence[str], done: Done) -> None:
    """Run a command of this very SegBlur."""
    call(parent, [*program(), *words], done)


def start_service(parent: QObject, action: str, done: Callable[[str], None]) -> None:
    """Start the service, or start it again ("start", "restart"); then tell why it could not be, "" where it could."""
    if which("systemctl"):
        words = ["systemctl", "--user", action, "segblur"]
        call(parent, words, lambda code, _: done(texts.NOT_STARTED if code else ""))
    else:
        done(texts.BY_HAND)
