"""Qt in the tests' own process, without a screen."""

import os
import sys

import pytest


@pytest.fixture(scope="session")
def application():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):  # OpenCV's, which has another Qt in it
            patch.delenv(name, raising=False)
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        patch.setenv("QT_STYLE_OVERRIDE", "Fusion")
        widgets = pytest.importorskip("PySide6.QtWidgets", reason="the window needs PySide6")
        assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
        yield widgets.QApplication.instance() or widgets.QApplication([])


@pytest.fixture(autouse=True)
def usual_look():
    """The next test begins with the usual palette and font, and without windows of this one, whose timers run on."""
    yield
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets and widgets.QApplication.instance():
        from tests.panel.looks import close_all, dress

        close_all()
        dress()


@pytest.fixture
def at_home(monkeypatch, tmp_path):
    """Folders of the test's own."""
    for name in ("DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
