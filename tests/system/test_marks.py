"""The mark of files that setup made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.system.marks import MARK, is_ours, is_untouched, marked

TEXT = st.text(alphabet=st.characters(exclude_characters="\r", codec="utf-8"))


@pytest.mark.parametrize("comment", ["#", "--", "<!--"])
@given(text=TEXT, more=st.text(min_size=1))
def test_a_file_of_ours_is_known_as_long_as_nobody_changes_it(comment, text, more):
    made = marked(text, comment)
    assert is_untouched(made)
    assert is_ours(made + more)
    assert not is_untouched(made + more)
    assert not is_ours(text) or text.startswith(MARK)


def test_a_picture_of_ours_is_still_xml():
    assert marked("<svg/>", "<!--").splitlines()[0].endswith(" -->")
