"""The Qt that is installed does not break the Python that runs it."""

import sys

import pytest


@pytest.mark.usefixtures("application")
def test_a_call_of_qt_takes_no_reference_from_none():
    from PySide6.QtWidgets import QApplication, QLabel

    label, before = QLabel(), sys.getrefcount(None)
    for _ in range(1000):
        label.setText("")
        QApplication.processEvents()
    assert sys.getrefcount(None) > before - 500
