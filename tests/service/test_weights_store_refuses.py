"""What the store of weights does not admit, and content that is refused by who reads the copy."""

import errno
import json
import os
import socket
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from segnet import weights
from segnet.weights import build, save_weights
from tests.helpers.weights_store import CONTENT, kept, names, plain, source, store, values, write  # noqa: F401 - fixtures
from tests.segnet.test_weights import BROKEN, SMALL, rewrite
from vcam.errors import SettingsError
from vcam.pipeline.network import load_network
from vcam.service import weights_store as module
from vcam.service.weights_store import admit, remember
from vcam.settings import NetworkSettings


def pipe(path):
    os.mkfifo(path)
    return path


def bound(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def loop(path):
    path.symlink_to(path.name)
    return path


def giant(path):
    write(path, b"x")
    os.truncate(path, weights.MAX_BYTES + 1)
    return path


def with_mode(mode):
    def make(path):
        write(path, b"x").chmod(mode)
        return path

    return make


def folder(path):
    path.mkdir()
    return path


REFUSED = {
    "none": (lambda path: path, "there is no such file; name one that exists"),
    "a folder": (folder, "is a folder; name the weights file itself"),
    "a pipe that nobody writes to": (pipe, "is not a file; name the weights file itself"),
    "a socket": (bound, "is not a file; name the weights file itself"),
    "a device": (lambda path: Path("/dev/zero"), "is not a file; name the weights file itself"),
    "a link to itself": (loop, "leads in a circle; name the file itself"),
    "under a file": (lambda path: write(path, b"x") / "y", "is not a folder; name a file"),
    "a name without end": (lambda path: path.with_name("x" * 300), "its name is too long"),
    "a name with a zero": (lambda path: path.with_name("x\0y"), "is not a path"),
    "a name of odd letters": (lambda path: path.with_name("\ud800"), "is not a path"),
    "empty": (lambda path: write(path, b""), "is empty; wait until it is written"),
    "giant": (giant, "more than the 2147483648 of a weights file"),
    "its group may write": (with_mode(0o664), "can be changed by other users; .*chmod go-w"),
    "anybody may write": (with_mode(0o646), "can be changed by other users; .*chmod go-w"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.timeout(20)
def test_what_is_no_safe_file_is_one_sentence_and_no_trace(store, tmp_path, kind):
    make, says = REFUSED[kind]
    path = make(tmp_path / "x")
    with pytest.raises(SettingsError, match=says) as caught:
        admit(path, store)
    assert str(caught.value).strip("'").startswith((str(path), repr(str(path)).strip("'")))
    assert "\n" not in str(caught.value)
    assert names(store) == []


def test_a_file_of_another_user_is_refused_and_one_of_root_is_not(store, source, monkeypatch):
    real = os.fstat

    def owned_by(user):
        def fstat(descriptor):
            found = list(real(descriptor))
            found[4] = user
            return os.stat_result(found, {"st_mtime_ns": real(descriptor).st_mtime_ns})

        return fstat

    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(module.os, "fstat", owned_by(1001))
    with pytest.raises(SettingsError, match="belongs to another user; copy it, and name your copy"):
        admit(source, store)
    assert names(store) == []
    for friend in (0, 1000):
        monkeypatch.setattr(module.os, "fstat", owned_by(friend))
        assert admit(source, store).exists()


@pytest.mark.parametrize(
    ("trouble", "says"),
    [(errno.EACCES, r"it may not be read; make it readable \(chmod u\+r"), (errno.EIO, "Input/output error; copy it")],
)
def test_a_file_that_can_not_be_read_is_one_sentence(store, source, monkeypatch, trouble, says):
    def broken(*_):
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(module.os, "pread", broken)
    with pytest.raises(SettingsError, match=says):
        admit(source, store)
    assert names(store) == []


@pytest.mark.parametrize("change", ["grows", "is written over", "shrinks"])
@pytest.mark.parametrize("begun", [1, 2])
def test_a_file_that_is_still_being_written_is_not_taken(store, source, monkeypatch, change, begun):
    real, calls = module.copy, []

    def copy(descriptor, target, size):
        calls.append(1)
        done = real(descriptor, target, size)
        if len(calls) == begun:
            before = source.stat().st_mtime_ns
            if change == "shrinks":
                os.truncate(source, 10)
            else:
                with source.open("r+b") as file:
                    file.seek(0, os.SEEK_END if change == "grows" else os.SEEK_SET)
                    file.write(b"more")
            os.utime(source, ns=(before + 1, before + 1))  # the clock of files may be coarser than a test is quick
        return done

    monkeypatch.setattr(module, "copy", copy)
    with pytest.raises(SettingsError, match="is still being written; try again"):
        admit(source, store)
    assert names(store) == []


def test_a_file_that_changes_while_it_is_compared_with_the_copy_that_is_there_is_not_taken(store, source, monkeypatch):
    admit(source, store)
    monkeypatch.setattr(module, "holds", lambda *_: not os.utime(source))
    with pytest.raises(SettingsError, match="is still being written; try again"):
        admit(source, store)


def test_a_file_that_changes_behind_the_back_of_its_time_is_not_taken(store, source, monkeypatch):
    def other(*_):
        times = source.stat().st_atime_ns, source.stat().st_mtime_ns
        source.write_bytes(CONTENT.upper())
        os.utime(source, ns=times)
        return False

    monkeypatch.setattr(module, "holds", other)
    with pytest.raises(SettingsError, match="is still being written; try again"):
        admit(source, store)
    assert names(store) == []


@pytest.mark.parametrize("function", ["write", "fsync"])
@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence_and_changes_nothing(store, source, monkeypatch, trouble, function):
    old = kept(store, b"old")
    before = {path.name: path.read_bytes() for path in store.iterdir()}

    def full(*_):
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(module.os, function, full)
    with pytest.raises(SettingsError, match=r"can't be written to .*: the disk is full; make room, and try again"):
        admit(source, store)
    with pytest.raises(SettingsError, match="the disk is full"):
        remember(store, old, "/there", 2.0)
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before


def test_a_store_that_is_gone_is_one_sentence(source, tmp_path):
    with pytest.raises(SettingsError, match=r"can't be written to .*: No such file or directory; see to that folder"):
        admit(source, tmp_path / "gone")


def test_every_chunk_is_written_however_little_the_disk_takes_at_once(store, tmp_path, monkeypatch):
    source, real = write(tmp_path / "x", os.urandom(10_000)), os.write
    monkeypatch.setattr(module.os, "write", lambda target, data: real(target, data[:999]))
    assert admit(source, store).read_bytes() == source.read_bytes()


def good(path):
    torch.manual_seed(0)
    save_weights(path, build(SMALL).state_dict(), SMALL)
    return path


def with_bytes(change):
    return lambda path: write(path, change(good(path).read_bytes()))


def broken(name):
    change_tensors, change_header, _ = BROKEN[name]
    return lambda path: rewrite(good(path), change_tensors, change_header)


def zipped(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data.pkl", b"cos\nsystem\n(S'false'\ntR.")


HOSTILE = {
    "cut in the header": (with_bytes(lambda data: data[:200]), "not a readable safetensors file"),
    "cut in the middle": (with_bytes(lambda data: data[: len(data) // 2]), "not a readable safetensors file"),
    "cut by a byte": (with_bytes(lambda data: data[:-1]), "not a readable safetensors file"),
    "a byte more": (with_bytes(lambda data: data + b"x"), "not a readable safetensors file"),
    "a header of 100 MB": (
        with_bytes(lambda data: struct.pack("<Q", 10**8) + b" " * 10**8),
        "its header has 100000000 bytes",
    ),
    "a header longer than all there is": (with_bytes(lambda data: b"\xff" * 8 + data[8:]), "its header has"),
    "a header that is no JSON": (with_bytes(lambda data: data[:8] + b"}" + data[9:]), "not a readable"),
    "a pickle": (lambda path: torch.save({"x": torch.zeros(3)}, path), "not a readable"),
    "a zip": (zipped, "not a readable"),
    "text": (lambda path: write(path, b"#!/bin/sh\n" * 100), "not a readable"),
    "another program's": (lambda path: save_file({"x": torch.zeros(1)}, path), "lacks segblur.schema"),
    **{name: (broken(name), says) for name, (_, _, says) in BROKEN.items()},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content_is_refused_with_a_sentence_by_who_reads_the_copy(store, tmp_path, name):
    make, says = HOSTILE[name]
    source = tmp_path / "x.safetensors"
    make(source)
    source.chmod(0o644)
    copy = admit(source, store)
    with pytest.raises(SettingsError, match=says) as caught:
        load_network(NetworkSettings(weights=copy))
    assert str(caught.value).startswith("network.weights: ")
    assert str(copy) in str(caught.value)


words = st.sampled_from(["__metadata__", "dtype", "shape", "data_offsets", "F32", "I64", "BF16", "info", "sha256"])


headers = st.recursive(
    words | plain | st.just({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner, max_size=4),
    max_leaves=12,
)


infos = st.dictionaries(
    st.sampled_from(["architecture", "config", "classes", "input_sizes", "mean", "std", "metrics", "training"]),
    st.sampled_from(["light", "deconvnet", "lraspp_mobilenet_v3_large", {}, [[256, 144]], ["person"]]) | values,
)


def file_with(header, length=None):
    return struct.pack("<Q", len(header) if length is None else length) + header


@given(
    st.binary(max_size=400)
    | st.builds(file_with, st.binary(max_size=400), st.none() | st.integers(0, 2**64 - 1))
    | headers.map(lambda header: file_with(json.dumps(header).encode()) + bytes(4))
    | infos.map(
        lambda info: file_with(
            json.dumps({"__metadata__": {"segblur.schema": "2", "sha256": "0" * 64, "info": json.dumps(info)}}).encode()
        )
    )
)
def test_whatever_a_header_says_the_answer_is_a_sentence(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "headers"
    folder.mkdir(exist_ok=True)
    source = write(folder / "x.safetensors", content or b"x")
    with pytest.raises(SettingsError) as caught:
        load_network(NetworkSettings(weights=admit(source, folder)))
    assert "\n" not in str(caught.value).replace("\\n", "")
    for copy in folder.glob("*.safetensors"):
        copy.unlink()
