"""What the window loads, and how it says that it can't be shown."""

import subprocess
import sys

import pytest

from tests.cli.test_main import segblur
from vcam.host.window import lacking_window

HEAVY = {"numpy", "cv2", "pydantic", "torch", "av", "openvino", "PySide6.QtQml"}

WITHOUT_QT = """
import sys
sys.modules[sys.argv[1]] = None
sys.argv[1:] = ["panel"]
from vcam.__main__ import main
sys.exit(main())
"""


def test_the_window_loads_nothing_heavy():
    words = [sys.executable, "-X", "importtime", "-c", "import PIL.Image, vcam.panel.app, vcam.panel.setup_page"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert "PySide6.QtWidgets" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("part", ["PySide6", "PySide6.QtSvg"])
def test_without_qt_or_a_part_of_it_there_is_one_sentence_that_names_what_to_install(part):
    assert lacking_window() == ""
    done = subprocess.run([sys.executable, "-c", WITHOUT_QT, part], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"segblur: the window needs {part}; install it with: uv pip install --python ")
    assert done.stderr.endswith(" 'PySide6-Essentials>=6.8,<6.12'\n")


def test_without_a_screen_there_is_one_sentence(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    done = segblur("panel")
    assert (done.returncode, done.stdout) == (1, "")
    said = "segblur: there is no screen to show a window on; segblur status and segblur set work everywhere\n"
    assert done.stderr == said
    monkeypatch.setenv("DISPLAY", ":4711")  # one that is gone
    assert segblur("panel").stderr == said
