"""The page "Set up SegBlur Camera": what will be done, one click, and how far it has come."""

import json
import shlex
from collections import deque
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QProcess, Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from vcam.panel import setup_texts as texts
from vcam.panel.service import new_process
from vcam.panel.setup_offers import Offer, Offers, read_offers
from vcam.panel.setup_parts import Buttons, Choices, Folded, StepList, wrapped
from vcam.panel.texts import sentence as as_sentence
from vcam.system.program import program as this_program

WIDEST = 720  # pixels
KEPT = 20  # lines of the commands, for one who wants to know why they failed
# What the page is doing → its main button; without a text there is none.
MAIN = {
    "reading": "",
    "offer": texts.SET_UP,
    "terminal": texts.LOOK_AGAIN,  # a plan that only a terminal can carry out
    "refused": texts.TRY_AGAIN,  # there is no plan
    "running": "",
    "failed": texts.TRY_AGAIN,
    "done": texts.CONTINUE,
}


class SetupPage(QWidget):
    """Reads what setup would do, shows it, and does it when asked to. `program`: the words that start segblur."""

    finished = Signal()  # all is set up, and the person has read so
    later = Signal()  # not now

    def __init__(self, program: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._program = tuple(program) or this_program()
        self._choices: tuple[Offer, ...] = ()
        self._state = "reading"
        self._goes_on = False  # it was tried before: what is left is done without another click
        self._process: QProcess | None = None
        self._current = -1  # the step that is being done
        self._error = ""
        self._lines: deque[str] = deque(maxlen=KEPT)

        self._intro, self._message, self._heading = wrapped(texts.INTRO), wrapped(bold=True), wrapped(texts.STEPS, True)
        ways = ((texts.DESKTOP, texts.DESKTOP_MORE), (texts.EVERYWHERE, texts.EVERYWHERE_MORE))
        self._ways, self._steps, self._remarks = Choices(texts.WAYS, ways), StepList(), wrapped()
        self._commands, self._messages = Folded(texts.SHOW_COMMANDS), Folded(texts.SHOW_MESSAGES)
        self._command = wrapped()
        self._not_now, self._copy, self._main = QPushButton(texts.NOT_NOW), QPushButton(texts.COPY), QPushButton()
        self._buttons = Buttons((self._not_now, self._copy, self._main))
        self._arrange()
        self._ways.changed.connect(self._offer)
        self._not_now.clicked.connect(self.later)
        self._copy.clicked.connect(self._copy_command)
        self._main.clicked.connect(self._press)
        self.refresh()

    @property
    def is_running(self) -> bool:
        """Whether it is being set up; where the window is closed now, the command that runs is the last."""
        return self._state == "running"

    @property
    def is_waiting(self) -> bool:
        """Whether nothing was done yet."""
        return self._state in ("reading", "offer", "terminal", "refused")

    def refresh(self) -> None:
        """Look at what is to be done."""
        self._show("reading", texts.READING)
        read_offers(self._program, self, self._take)

    # What is shown

    def _arrange(self) -> None:
        """Lay the parts out: all but the buttons can be scrolled."""
        title = wrapped(texts.TITLE, bold=True)
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        title.setFont(font)

        page = QWidget()
        page.setMaximumWidth(WIDEST)
        column = QVBoxLayout(page)
        column.setSpacing(12)
        first: tuple[QWidget, ...] = (title, self._intro, self._message, self._command, self._messages)
        for part in (*first, self._ways, self._heading, self._steps, self._remarks, self._commands):
            column.addWidget(part)
        column.addStretch()
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        area.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._main.setDefault(True)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        whole.addWidget(self._buttons)

    def _show(self, state: str, message: str = "") -> None:
        """Show the parts that belong to a state, and its message."""
        self._state = state
        offer, asks = self._chosen(), state in ("offer", "terminal")
        by_terminal = state == "terminal" or (state == "failed" and any(step.root for step in offer.steps))
        self._message.setText(message)
        self._command.setText(texts.OR_TERMINAL.format(command=self._line()) if state == "failed" else self._line())
        for part, shown in (
            (self._intro, state in ("reading", "offer", "terminal")),
            (self._ways, asks and len(self._choices) > 1),
            (self._heading, asks),
            (self._steps, state != "reading" and bool(offer.steps)),
            (self._remarks, state in ("offer", "terminal", "done") and bool(self._remarks.text())),
            (self._commands, asks),
            (self._message, bool(message)),
            (self._messages, state == "failed" and bool(self._lines)),
            (self._command, by_terminal),
            (self._copy, by_terminal),
            (self._not_now, state not in ("running", "done")),
            (self._main, bool(MAIN[state])),
        ):
            part.setVisible(shown)
        self._copy.setText(texts.COPY)
        self._main.setText(MAIN[state])
        self._main.setFocus()
        if message:
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, message))
        self._buttons.arrange()

    # What is offered

    def _chosen(self) -> Offer:
        """The way that is chosen."""
        if not self._choices:
            return Offer()
        return self._choices[min(self._ways.chosen(), len(self._choices) - 1)]

    def _take(self, offers: Offers) -> None:
        """Show what setup answered, or go on with it."""
        self._choices = offers.choices
        self._offer()
        if self._goes_on and self._state == "offer":
            self._set_up()
        self._goes_on = False

    def _offer(self) -> None:
        """Show the way that is chosen."""
        offer = self._chosen()
        self._steps.set_steps([step.why for step in offer.steps])
        self._remarks.setText("\n\n".join(map(as_sentence, offer.remarks)))
        self._commands.set_text(listing(offer))
        if offer.error:
            self._show("refused", as_sentence(offer.error))
        elif not offer.steps:
            self._show("done", texts.DONE)
        elif offer.terminal:
            self._show("terminal", texts.TERMINAL.format(reason=as_sentence(offer.terminal).rstrip(".")))
        else:
            self._show("offer")

    def _line(self) -> str:
        """The command for a terminal."""
        return shlex.join([*self._program, "setup"])

    def _copy_command(self) -> None:
        """Put the command for a terminal into the clipboard."""
        QGuiApplication.clipboard().setText(self._line())
        self._copy.setText(texts.COPIED)

    # What is done

    def _press(self) -> None:
        """What the main button does."""
        if self._state == "offer":
            self._set_up()
        elif self._state == "done":
            self.finished.emit()
        else:
            self._goes_on = self._state == "failed"
            self.refresh()

    def _set_up(self) -> None:
        """Start it."""
        offer = self._chosen()
        self._current, self._error = -1, ""
        self._lines.clear()
        self._show("running", texts.PASSWORD if any(step.root for step in offer.steps) else texts.RUNNING)
        process = self._process = new_process(self)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(
            lambda error: self._ended(-1) if error == QProcess.ProcessError.FailedToStart else None
        )
        words = ["setup", "--yes", "--by", "pkexec", "--progress-json", *(["--no-root"] if offer.no_root else [])]
        process.start(self._program[0], [*self._program[1:], *words])

    def _read(self) -> None:
        """Show how far it has come."""
        assert self._process
        while self._process.canReadLine():
            try:
                self._follow(json.loads(bytes(self._process.readLine().data())))
            except (ValueError, KeyError, TypeError):
                continue  # not of setup

    def _follow(self, event: dict[str, Any]) -> None:
        """One line of setup's: a step begins or ends, a command prints something, or all has failed."""
        if "state" in event:
            self._current = int(event["step"]) - 1
            if int(event["of"]) != len(self._steps.states()):  # the computer has changed since it was looked at
                self._steps.set_steps([""] * int(event["of"]))
            self._steps.mark(self._current, str(event["state"]), str(event["why"]))
        elif "text" in event:
            self._lines.append(str(event["text"]))
        self._error = str(event.get("error", self._error))

    def _ended(self, code: int, *_: object) -> None:
        """Setup has ended."""
        if self._process is None:
            return
        self._read()
        self._process.deleteLater()
        self._process = None
        if code == 0:
            self._show("done", texts.DONE)
            return
        if self._current >= 0:
            self._steps.mark(self._current, "failed")  # also where it could not say so, because it was killed
        self._messages.set_text("\n".join(self._lines))
        self._show("failed", as_sentence(self._error) if self._error else texts.BROKEN_OFF)


def listing(offer: Offer) -> str:
    """The commands of a way and the files that it writes, for one who wants to see them."""
    blocks = []
    for step in offer.steps:
        lines = [f"# {as_sentence(step.why)}{' (as root)' if step.root else ''}"]
        files = [f"\n{path}:\n{text.rstrip()}" for path, text in step.files]
        blocks.append("\n".join([*lines, *step.commands, *files]))
    return "\n\n".join(blocks)
