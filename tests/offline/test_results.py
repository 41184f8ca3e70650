"""Results are written whole or not at all."""

import pytest

from tests.helpers.files import listing
from vcam.errors import OutputError
from vcam.offline.results import whole


def test_a_file_is_replaced_in_one_step_or_stays_as_it_was(tmp_path):
    target = tmp_path / "x"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole(target) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    with whole(target) as beside:
        beside.write_text("new")
    assert (target.read_text(), listing(tmp_path)) == ("new", ["x"])
    with pytest.raises(OutputError, match="can't be written"), whole(tmp_path / "no" / "x") as beside:
        beside.write_text("new")
