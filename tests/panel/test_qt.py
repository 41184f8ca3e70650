"""The Qt that is installed does not break the Python that runs it."""

import subprocess
import sys

import pytest

pytest.importorskip("PySide6", reason="the window needs PySide6")

MANY_CALLS = """
import sys
from PySide6.QtWidgets import QApplication, QLabel
application = QApplication([])
label, before = QLabel(), sys.getrefcount(None)
for _ in range(1000):
    label.setText("")
    QApplication.processEvents()
print(sys.getrefcount(None) - before)
"""


def test_a_call_of_qt_takes_no_reference_from_none(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    words = [sys.executable, "-X", "faulthandler", "-c", MANY_CALLS]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > -500
