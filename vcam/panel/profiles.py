"""The menu of profiles: the service keeps them, the menu names them."""

from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog, QMenu

from vcam.panel import texts
from vcam.panel.wishes import Wish, Wishes


class Profiles(QObject):
    """Fills a menu with what the service knows."""

    def __init__(self, menu: QMenu, wishes: Wishes) -> None:
        super().__init__(menu)
        self._menu, self._wishes = menu, wishes
        self._names: list[str] = []
        self._current = ""
        wishes.answered.connect(self._answered)
        self._fill()

    def read(self) -> None:
        """Ask which there are, in time for the menu that opens."""
        self._want(list=True)

    def _want(self, **arguments: Any) -> None:
        self._wishes.want("profile", Wish("profile", arguments))

    def _answered(self, lane: str, answer: dict[str, Any]) -> None:
        if lane == "profile" and "profiles" in answer:
            self._names, self._current = answer["profiles"], answer.get("current", "")
            self._fill()

    def _fill(self) -> None:
        self._menu.clear()
        if not self._names:
            self._menu.addAction(texts.NO_PROFILES).setEnabled(False)
        for name in self._names:
            entry = self._menu.addAction(name.replace("&", "&&"))
            entry.setCheckable(True)
            entry.setChecked(name == self._current)
            entry.triggered.connect(lambda _=False, name=name: self._want(use=name))
        self._menu.addSeparator()
        self._menu.addAction(texts.SAVE_PROFILE).triggered.connect(self._save)
        remove = self._menu.addMenu(texts.REMOVE_PROFILE)
        remove.setEnabled(bool(self._names))
        for name in self._names:
            remove.addAction(name).triggered.connect(lambda _=False, name=name: self._want(remove=name))

    def _save(self) -> None:
        dialog = QInputDialog(self._menu.window())
        dialog.setWindowTitle(texts.NAME)
        dialog.setLabelText(texts.SAVE_PROFILE_NAME)
        dialog.setTextValue(self._current)
        dialog.textValueSelected.connect(self._save_as)
        dialog.open()

    def _save_as(self, name: str) -> None:
        if name:
            self._want(save=name)
