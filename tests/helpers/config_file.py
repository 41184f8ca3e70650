"""A settings file written by hand."""

import pytest

from vcam.control.config_file import set_setting
from vcam.errors import SettingsError
from vcam.settings import config_path

TEXT = """\
# My camera, written by hand.
[look]          # what it looks like
blur = 0.50     # as Anna likes it

[camera]
  device = 'c920'
# fps = 15

[output]
width=640
height = 480
"""


def write(text):
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_bytes(text if isinstance(text, bytes) else text.encode())


def refused(says, *words):
    """The one sentence, with the folder as it was before."""
    folder = config_path().parent
    before = {path: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
    with pytest.raises(SettingsError) as caught:
        set_setting(config_path(), *words)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before if folder.exists() else not before
