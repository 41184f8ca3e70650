"""The files that setup writes."""

import pytest

from vcam.errors import SegBlurError
from vcam.host.setup import files
from vcam.host.setup.files import shipped


def test_a_copy_without_its_files_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "FOLDERS", (tmp_path,))
    with pytest.raises(SegBlurError, match=r"lacks its file modprobe\.conf: install it again"):
        shipped("modprobe.conf")
