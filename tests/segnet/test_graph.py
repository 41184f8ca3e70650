"""The graph of a weights file: made once, by a process that can do no harm, and taken from the cache only where that is
sound.
"""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segnet import cache
from segnet import graph as conversion
from segnet.classes import ClassError
from segnet.configs import DeconvConfig
from segnet.engines import EngineError
from segnet.graph import file_sha256, graph, graph_of, key, make, serialized
from segnet.inference import Segmenter
from segnet.weights import DEFAULT, WeightsError, build, read_info, save_weights
from tests.helpers.graphs import SIZE, entries, folder, no_child, openvino, order, picture, plain, temporary, weights  # noqa: F401
from tests.segnet.test_weights import DECONV

ROOT = Path(__file__).parents[2]
NAME, OTHER = "a" * 64, "b" * 64
CONTENT = np.arange(1000).astype(np.uint8)


def test_a_graph_that_a_child_made_gives_the_same_masks_and_is_used_again_without_a_child(
    tmp_path, monkeypatch, folder
):
    info = replace(DECONV, config=DeconvConfig(width=0.125, fc=64))
    path = tmp_path / "voc.safetensors"
    save_weights(path, build(info).state_dict(), info)
    by_hand = plain(path, ("cat", "person"))
    for _ in range(2):  # the second is from the cache
        kept = openvino(path, ("cat", "person"))
        for size in info.input_sizes:
            assert np.abs(kept(picture(size)) - by_hand(picture(size))).max() < 1e-5
        monkeypatch.setattr(conversion, "CHILD", ("false",))
    (name,) = entries(folder)
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_weights_of_networks_that_are_known_without_torch_need_neither_a_child_nor_the_cache(folder, no_child):
    assert openvino(DEFAULT)(picture((256, 144))).shape == (144, 256)
    assert entries(folder) == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b""),
        lambda path: os.truncate(path, path.stat().st_size - 1),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"),
        lambda path: path.write_bytes(bytes(32) + path.read_bytes()[32:]),
        lambda path: path.write_bytes(cache.digest(OTHER, CONTENT) + CONTENT.tobytes()),
        lambda path: path.chmod(0o620),
        lambda path: path.chmod(0o604),
        lambda path: path.rename(path.with_name("x")) and path.symlink_to("x"),
        lambda path: path.unlink() or os.mkfifo(path, 0o600),
        lambda path: path.unlink() or path.mkdir(0o700),
    ],
    ids=["empty", "short", "changed", "digest", "another's", "writable", "readable", "link", "pipe", "folder"],
)
def test_what_is_damaged_or_not_private_is_not_read(folder, harm):
    cache.write(NAME, CONTENT)
    assert np.array_equal(cache.read(NAME), CONTENT)
    harm(folder / NAME)
    assert cache.read(NAME) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_what_belongs_to_somebody_else_is_not_read(folder):
    cache.write(NAME, CONTENT)
    os.chown(folder / NAME, 12345, -1)
    assert cache.read(NAME) is None
    os.chown(folder / NAME, 0, -1)
    assert cache.read(NAME) is not None
    os.chown(folder, 12345, -1)
    assert cache.read(NAME) is None
    cache.write(OTHER, CONTENT)
    assert entries(folder) == [NAME]


def test_a_folder_that_others_may_enter_is_closed_to_them(folder):
    cache.write(NAME, CONTENT)
    folder.chmod(0o777)
    assert cache.read(NAME) is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_folder_is_not_followed(folder, tmp_path):
    cache.write(NAME, CONTENT)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert cache.read(NAME) is None
    cache.write(OTHER, CONTENT)
    assert entries(tmp_path / "elsewhere") == [NAME]


def test_a_damaged_graph_is_made_again(weights, folder):
    good = graph_of(*order(weights))
    (name,) = entries(folder)
    os.truncate(folder / name, 99)
    assert len(graph_of(*order(weights)).get_ops()) == len(good.get_ops())
    assert cache.read(name) is not None


def test_the_cache_is_where_the_user_has_it_or_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        cache.write(NAME, CONTENT)
        assert entries(tmp_path / "home/.cache/segblur/openvino") == [NAME]
    assert not Path("relative").exists()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "home")
    assert cache.read(NAME) is None
    cache.write(OTHER, CONTENT)
    assert entries(tmp_path / "home/.cache/segblur/openvino") == [NAME]


def test_without_a_cache_that_can_be_written_all_works(weights, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert openvino(weights)(picture()).shape == SIZE[::-1]
    assert (tmp_path / "file").stat().st_size == 0


def test_a_full_disk_leaves_nothing_half(weights, folder, monkeypatch):
    def full(descriptor, data):
        os.write(descriptor, bytes(data)[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "write_all", full)
    openvino(weights)
    assert folder.exists()
    assert entries(folder) == []


def test_a_graph_needs_no_room_where_temporary_files_go(weights, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    before = {*conversion.SHARED.glob("segblur-*")}
    assert serialized(make(*order(weights))).size > 10_000
    assert {*conversion.SHARED.glob("segblur-*")} <= before
    monkeypatch.setattr(conversion, "SHARED", Path("/nowhere"))
    with pytest.raises(FileNotFoundError):
        serialized(make(*order(weights)))


def test_only_what_was_used_last_is_kept(folder, monkeypatch):
    names = [f"{number:064x}" for number in range(cache.MOST + 3)]
    for number, name in enumerate(names[:-1]):
        cache.write(name, CONTENT)
        if (folder / name).exists():
            os.utime(folder / name, (number, number))
        if number == 2:
            assert cache.read(names[0]) is not None  # used now, so it stays
    cache.write(names[-1], CONTENT)
    assert entries(folder) == sorted([names[0], *names[-cache.MOST + 1 :]])
    monkeypatch.setattr(cache, "LARGEST", 3 * (cache.DIGEST + CONTENT.size))
    cache.write(NAME, CONTENT)
    assert len(entries(folder)) == 3
    assert NAME in entries(folder)
    kept = entries(folder)
    cache.write(OTHER, np.zeros(cache.LARGEST, np.uint8))
    assert entries(folder) == kept


def test_what_a_crash_left_goes_after_a_while_and_what_is_not_ours_stays(folder, monkeypatch):
    cache.write(NAME, CONTENT)
    old, young, strange = folder / f".{NAME}.1.new", folder / f".{NAME}.2.new", folder / "notes.txt"
    for path in (old, young, strange):
        path.touch()
    for path in (old, strange):
        os.utime(path, (0, 0))
    monkeypatch.setattr(cache, "MOST", 2)
    cache.write(OTHER, CONTENT)
    assert entries(folder) == sorted([NAME, OTHER, young.name, strange.name])
    monkeypatch.setattr(cache, "MOST", 0)
    cache.write(OTHER, CONTENT)
    assert entries(folder) == sorted([young.name, strange.name])


def test_several_processes_may_write_and_read_the_same_at_once(folder):
    code = f"""
import numpy as np
from segnet import cache
mine = np.full(300_000, int(__import__("sys").argv[1]), np.uint8)
for _ in range(40):
    cache.write("{NAME}", mine)
    found = cache.read("{NAME}")
    assert found is not None and found.size == mine.size and (found == found[0]).all()
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, str(number)], cwd=ROOT) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert entries(folder) == [NAME]


def test_two_may_have_the_same_graph_made_at_once(weights, folder):
    with ThreadPoolExecutor(2) as pool:
        one, other = (pool.submit(openvino, weights) for _ in range(2))
        assert np.array_equal(one.result()(picture()), other.result()(picture()))
    assert len(entries(folder)) == 1


def test_whatever_may_change_the_graph_changes_its_name(monkeypatch):
    names = {key("0", ("person",)), key("1", ("person",)), key("0", ("cat",)), key("0", ("cat", "person"))}
    assert key("0", ("person", "cat")) == key("0", ("cat", "person", "cat"))
    for part in ("openvino", "torch", "torchvision"):
        with monkeypatch.context() as change:
            change.setattr(conversion, "installed", lambda name, part=part: "0" if name == part else "1")
            names.add(key("0", ("person",)))
    monkeypatch.setattr(conversion, "code", lambda: "other")
    names.add(key("0", ("person",)))
    assert len(names) == 8
    assert all(cache.NAME.fullmatch(name) for name in names)


def test_weights_that_change_while_they_are_read_are_refused(weights):
    with pytest.raises(WeightsError, match="changed while it was read"):
        make(weights, "0" * 64, ("person",))


def test_weights_that_are_gone_are_one_sentence(tmp_path):
    with pytest.raises(WeightsError, match="there is no weights file"):
        openvino(tmp_path / "none")
    with pytest.raises(WeightsError, match="can't be read: Is a directory"):
        file_sha256(tmp_path)


def test_classes_that_the_weights_do_not_know_need_no_child(weights, no_child):
    with pytest.raises(ClassError, match="nothing is known of unicorn"):
        openvino(weights, ("person", "unicorn"))


def test_a_file_that_was_not_loaded_is_for_openvino_alone(weights):
    with pytest.raises(EngineError, match=r"torch does not run \S*small\.safetensors as it is"):
        Segmenter(weights, read_info(weights), engine="torch", device="cpu")


def test_a_graph_outlives_the_bytes_it_was_made_of(weights):
    content = serialized(make(*order(weights)))
    copy = graph(weights, content)
    before = [op.data.copy() for op in copy.get_ordered_ops() if op.get_type_name() == "Constant"]
    content[:] = 255
    after = [op.data for op in copy.get_ordered_ops() if op.get_type_name() == "Constant"]
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
