"""What tests of OpenVINO's graphs share: a cache for each test, small weights, and children that misbehave."""

import sys
import tempfile

import numpy as np
import pytest

from segnet import graph as conversion
from segnet.graph import file_sha256
from segnet.inference import Segmenter, load_segmenter
from segnet.weights import build, load_weights, save_weights
from tests.segnet.test_weights import DECONV

SIZE = (224, 224)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where temporary files go: nothing may be left there. And a cache for each test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(conversion, "SHARED", folder)
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def folder(tmp_path):
    """Where the cache is."""
    return tmp_path / "cache" / "segblur" / "openvino"


@pytest.fixture
def weights(tmp_path):
    """A small file of weights that only torch can convert, and quickly."""
    path = tmp_path / "small.safetensors"
    save_weights(path, build(DECONV).state_dict(), DECONV)
    return path


@pytest.fixture
def no_child(monkeypatch):
    """From here on a child would be an error."""
    monkeypatch.setattr(conversion, "CHILD", ("false",))


def child(monkeypatch, code):
    """Let this code be the child; its arguments are the same."""
    monkeypatch.setattr(conversion, "CHILD", (sys.executable, "-c", code))


def acting(body):
    """Code for a child that is the real one, but for what it makes."""
    return f"""
import os, signal, sys, time
from segnet import graph as conversion
def make(*order):
    {body}
conversion.make = make
sys.exit(conversion.main())
"""


def order(path, keep=("person",)):
    return path, file_sha256(path), keep


def entries(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def picture(size=SIZE):
    return np.random.default_rng(1).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)


def openvino(path, keep=("person",)):
    return load_segmenter(path, engine="openvino", device="cpu", keep=keep)


def plain(path, keep=("person",)):
    """The same without a cache and without a child."""
    return Segmenter(*load_weights(path), engine="openvino", device="cpu", keep=keep)
