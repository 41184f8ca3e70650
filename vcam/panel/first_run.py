"""The page that sets SegBlur up stands in place of the usual one until it is done, or put off."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from vcam.system.program import program

if TYPE_CHECKING:  # what most starts of the window don't need
    from vcam.panel.setup_page import SetupPage


class FirstRun(QObject):
    """Knows whether there is something to set up, and shows how."""

    looked = Signal(bool)  # whether there is
    done = Signal()  # it was set up

    def __init__(self, pages: QStackedWidget, usual: QWidget) -> None:
        super().__init__(pages)
        self._pages, self._usual = pages, usual
        self._page: SetupPage | None = None
        self._was_offered = False  # once is enough
        self._is_by_itself = False  # nobody has asked for the page that is shown

    def look(self) -> None:
        """Ask whether there is something to set up, and tell it later."""
        from vcam.panel.setup_offers import read_offers

        read_offers(program(), self, lambda offers: self.looked.emit(not offers.is_set_up))

    def show(self) -> None:
        """Show what would be done."""
        from vcam.panel.setup_page import SetupPage

        if self._page is None:
            self._page = SetupPage(parent=self._pages)
            self._page.finished.connect(self._finished)
            self._page.later.connect(self._leave)
            self._pages.addWidget(self._page)
        self._was_offered, self._is_by_itself = True, False
        self._pages.setCurrentWidget(self._page)

    def offer(self) -> None:
        """Show it without being asked, the first time."""
        if not self._was_offered:
            self.show()
            self._is_by_itself = True

    def service_came(self) -> None:
        """A service that was started otherwise needs no set-up that nobody asked for."""
        if self._is_by_itself and self._page is not None and self._page.is_waiting:
            self._leave()

    def _finished(self) -> None:
        self._leave()
        self.done.emit()

    def _leave(self) -> None:
        """What was looked at may be another the next time."""
        self._pages.setCurrentWidget(self._usual)
        if self._page is not None:
            self._pages.removeWidget(self._page)
            self._page.deleteLater()
            self._page = None
