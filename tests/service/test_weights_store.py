"""The store of weights: what is admitted is whole, ours and private; what is not is one sentence and no trace."""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet import weights
from tests.helpers.weights_store import CONTENT, kept, names, plain, source, store, values, write  # noqa: F401 - fixtures
from vcam.errors import SettingsError
from vcam.service import weights_store as module
from vcam.service.weights_store import HISTORY, SHIPPED, Entry, admit, history, previous, prune, remember, store_path


def test_the_store_is_open_to_its_owner_alone(store, tmp_path):
    assert store == tmp_path / "state" / "segblur" / "weights"
    assert store.stat().st_mode & 0o777 == 0o700
    assert store.parent.stat().st_mode & 0o777 == 0o700
    store.chmod(0o755)
    assert store_path().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("value", ["", "state"])
def test_without_an_absolute_place_for_state_the_home_has_it(monkeypatch, tmp_path, value):
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_path() == tmp_path / ".local" / "state" / "segblur" / "weights"


def test_a_store_that_can_not_be_made_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(write(tmp_path / "file", b"x")))
    with pytest.raises(SettingsError, match=r"can't be made: .*; make it, or set XDG_STATE_HOME"):
        store_path()


def test_the_store_does_not_pay_for_torch_or_numpy():
    code = "import sys, vcam.service.weights_store; print({'torch', 'numpy', 'cv2'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
    assert module.LARGEST == weights.MAX_BYTES


def test_a_file_becomes_a_private_copy_named_by_its_content(store, source):
    copy = admit(source, store)
    assert copy == store / f"{hashlib.sha256(CONTENT).hexdigest()}.safetensors"
    assert copy.read_bytes() == CONTENT
    assert copy.stat().st_mode & 0o777 == 0o600
    assert names(store) == [copy.name]
    source.write_bytes(b"other")
    assert copy.read_bytes() == CONTENT


def test_a_link_counts_as_what_it_leads_to(store, source, tmp_path):
    (tmp_path / "link").symlink_to(source)
    assert admit(tmp_path / "link", store) == admit(source, store)


def test_a_copy_that_is_there_is_not_written_again(store, source, monkeypatch):
    copy = admit(source, store)
    before = copy.stat()
    monkeypatch.setattr(module, "write", pytest.fail)
    assert admit(source, store) == copy
    assert (copy.stat().st_ino, copy.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("damage", ["a byte", "its length", "a link in its place"])
def test_a_copy_that_is_damaged_is_made_again(store, source, tmp_path, damage):
    copy = admit(source, store)
    if damage == "a byte":
        copy.write_bytes(b"W" + CONTENT[1:])
    elif damage == "its length":
        copy.write_bytes(CONTENT[:-1])
    else:
        copy.unlink()
        copy.symlink_to(source)
    assert admit(source, store) == copy
    assert copy.read_bytes() == CONTENT
    assert not copy.is_symlink()
    assert names(store) == [copy.name]


def test_a_file_that_many_admit_at_once_is_one_copy(store, source):
    with ThreadPoolExecutor(8) as pool:
        copies = list(pool.map(lambda _: admit(source, store), range(16)))
    assert names(store) == [copies[0].name]
    assert set(copies) == {copies[0]}
    assert copies[0].read_bytes() == CONTENT


def test_the_history_has_the_newest_first_and_each_once(store):
    one, two = kept(store, b"one", "/1", 1.0), kept(store, b"two", "/2", 2.0)
    assert history(store) == [Entry(two.stem, "/2", 2.0, 3), Entry(one.stem, "/1", 1.0, 3)]
    remember(store, one, "/again", 3.0)
    assert [entry.source for entry in history(store)] == ["/again", "/2"]


def test_one_goes_back_to_what_was_in_use_before(store):
    assert previous(store, SHIPPED) is None
    remember(store, None, "shipped", 0.0)
    one, two = kept(store, b"one"), kept(store, b"two")
    assert previous(store, two.stem).sha256 == one.stem
    assert previous(store, "on trial").sha256 == two.stem
    remember(store, None, "shipped", 5.0)
    assert previous(store, SHIPPED).sha256 == two.stem
    remember(store, one, "/1", 6.0)
    assert previous(store, one.stem) == Entry(SHIPPED, "shipped", 5.0, 0)


def test_weights_whose_copy_is_gone_or_cut_off_are_not_in_the_history(store):
    gone, cut, whole = kept(store, b"gone"), kept(store, b"cut off"), kept(store, b"whole")
    gone.unlink()
    cut.write_bytes(b"cut")
    assert [entry.sha256 for entry in history(store)] == [whole.stem]
    with pytest.raises(SettingsError, match=r"is gone from the store: .*; use /there again"):
        remember(store, gone, "/there", 1.0)


GOOD = {"sha256": "0" * 64, "source": "/x", "time": 1.0, "size": 1}


DAMAGED = [
    b"", b"\xff", b"{", b"null", b"1", b'"x"', b"{}x", b"[1]", b"[[]]", b'["x"]', b"[" * 100_000,
    json.dumps([GOOD | {"more": 1}]).encode(),
    json.dumps([GOOD | {"sha256": "../../etc/passwd"}]).encode(),
    json.dumps([GOOD | {"sha256": 1}]).encode(),
    json.dumps([GOOD | {"source": None}]).encode(),
    json.dumps([GOOD | {"size": "1"}]).encode(),
    json.dumps([GOOD | {"time": "now"}]).encode(),
    json.dumps([{"sha256": "0" * 64}]).encode(),
    b" " * (module.LONGEST_HISTORY - 1) + b"[]",
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_history_is_an_empty_one_with_a_line_in_the_log(store, content, caplog):
    (store / HISTORY).write_bytes(content)
    assert history(store) == []
    assert "the history of weights in" in caplog.text
    copy = kept(store, b"new")
    assert [entry.sha256 for entry in history(store)] == [copy.stem]


entries = st.fixed_dictionaries(
    {"sha256": st.sampled_from(["0" * 64, ""]) | values, "source": values, "time": values, "size": values}
)


@given(st.binary() | (values | st.lists(entries)).map(lambda value: json.dumps(value).encode()))
def test_whatever_the_history_holds_it_can_be_read(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    (folder / HISTORY).write_bytes(content)
    assert all(isinstance(entry, Entry) for entry in history(folder))
    previous(folder, SHIPPED)


def test_a_history_that_is_a_folder_is_an_empty_one(store, caplog):
    (store / HISTORY).mkdir()
    assert history(store) == []
    assert "is damaged" in caplog.text


def test_pruning_keeps_the_newest_and_what_is_in_use_or_on_trial(store, source):
    copies = [kept(store, bytes([number]), now=number) for number in range(8)]
    trial = admit(source, store)
    refused = admit(write(source, b"refused"), store)
    remember(store, copies[3], "/there", 9.0)
    prune(store, {copies[0], trial}, keep=3)
    stay = {copies[3], copies[7], copies[6], copies[0], trial}
    assert set(store.glob("*.safetensors")) == stay
    assert not refused.exists()
    assert [entry.sha256 for entry in history(store)] == [copies[n].stem for n in (3, 7, 6, 0)]


def test_pruning_removes_what_a_crash_left_but_not_what_is_being_written(store):
    left, fresh = store / ".abc.new", store / ".def.new"
    left.touch()
    fresh.touch()
    os.utime(left, (1, 1))
    prune(store, ())
    assert names(store) == [fresh.name]


def test_only_so_many_are_remembered(store, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 2)
    for number in range(4):
        kept(store, bytes([number]), now=number)
    assert [entry.time for entry in history(store)] == [3, 2]
