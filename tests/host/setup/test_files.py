"""The files that setup writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.errors import SegBlurError
from vcam.host.setup import files
from vcam.host.setup.files import MARK, is_ours, is_untouched, marked, shipped


@given(st.text(alphabet=st.characters(exclude_characters="\r", codec="utf-8")), st.text(min_size=1))
def test_a_file_of_ours_is_known_as_long_as_nobody_changes_it(text, more):
    assert is_untouched(marked(text))
    changed = marked(text) + more
    assert is_ours(changed)
    assert not is_untouched(changed)
    assert not is_ours(text) or text.startswith(MARK)


def test_a_copy_without_its_files_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "FOLDERS", (tmp_path,))
    with pytest.raises(SegBlurError, match=r"lacks its file modprobe\.conf: install it again"):
        shipped("modprobe.conf")
