"""Where torch is not installed, or not wholly, all but training and CUDA works, and the rest is one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from segnet import engines, extras
from segnet.configs import LightConfig
from segnet.engines import EngineError, choose
from segnet.extras import install, lacking
from segnet.inference import load_segmenter
from segnet.weights import DEFAULT, WeightsInfo, build, save_weights
from tests.segnet.test_engines import lively
from tests.segnet.test_weights import DECONV
from vcam.pipeline.network import missing_for_gpu
from vcam.settings import NetworkSettings

ROOT = Path(__file__).parent.parent
PICTURE, SAMPLE = (ROOT / "vcam/sample" / name for name in ("known_answer.jpg", "signing.mkv"))
COMMAND = r"; install it with: uv pip install --python \S+ {}$"
PARTS = {name: " ".join(parts) for name, parts in extras.EXTRAS.items()}
ALL = ("torch", "torchvision", "matplotlib")


def without(folder, parts=ALL, broken=()):
    """The environment of processes, and of all that they start, in which these can't be imported; the broken ones are
    there, but raise.
    """
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({parts}))\n")
    for name in broken:
        (site / f"{name}.py").write_text("raise OSError('libcudart.so.13: no such file\\nor folder')\n")
    return os.environ | {"PYTHONPATH": f"{site}:{ROOT}"}


@pytest.fixture
def bare(tmp_path):
    """Where nothing of the extras is."""
    return without(tmp_path)


def segblur(environment, *words, cwd=None):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vcam", *map(str, words)],
        env=environment, cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def python(environment, code):
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def saved(path, info, network):
    save_weights(path, network.state_dict(), info)
    return path


def test_there_is_no_torch_here(bare):
    """Otherwise the other tests say nothing."""
    code = "import importlib.util as u; print([name for name in ('torch', 'numpy') if u.find_spec(name)])"
    assert python(bare, code) == "['numpy']"
    assert python(bare, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])") == "['numpy']"


def test_pictures_are_blurred(bare, tmp_path):
    done = segblur(bare, "image", PICTURE, "-o", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert len([*(tmp_path / "out").iterdir()]) == 3


def test_the_demo_blurs_the_sample(bare, tmp_path):
    done = segblur(bare, "demo", "-o", tmp_path / "out", "--output.label", "No Such Camera")
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"segblur-demo.mp4", "segblur-demo.jpg"}


def test_the_doctor_reads_the_weights(bare):
    done = segblur(bare, "doctor")
    assert done.returncode in (0, 1)
    assert "intact, by its sha256" in done.stdout


@pytest.mark.parametrize("command", [("status",), ("weights", "list")])
def test_what_asks_the_service_says_only_that_there_is_none(bare, command):
    done = segblur(bare, *command)
    assert done.returncode == 1
    assert "torch" not in done.stdout + done.stderr


def test_videos_are_blurred(bare, tmp_path):
    done = segblur(bare, "video", SAMPLE, "-o", tmp_path / "out.mkv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mkv").stat().st_size > 10_000


WORKER = """
import sys
from pathlib import Path
import numpy as np
from vcam.pipeline import network
from vcam.service.worker import prepare
from vcam.settings import Settings
network.check_known_answer = lambda *_: None  # random weights find nobody

class Link:
    settings = Settings()
    def tell(self, what):
        told.append(what["swap"]["state"])

told, picture = [], np.load(sys.argv[1])
networks = prepare(Link())
first = networks.current()(picture, None)
networks.judge(True)
networks.request(Link.settings.network.model_copy(update={"weights": Path(sys.argv[2])}))
networks._loading.thread.join()
np.save(sys.argv[3], networks.current()(picture, None))
print(told)
"""


def test_light_weights_are_swapped_in_and_give_the_masks_of_torch(bare, tmp_path, sample, segmenter):
    info = WeightsInfo("light", LightConfig(stem=8, widths=(8, 12, 16, 24), decoder=(8, 8, 12)))
    path = saved(tmp_path / "light.safetensors", info, lively(info))
    picture = np.random.default_rng(0).integers(0, 256, (144, 256, 3)).astype(np.uint8)
    np.save(tmp_path / "picture.npy", picture)
    called = [sys.executable, "-c", WORKER, tmp_path / "picture.npy", path, tmp_path / "mask.npy"]
    done = subprocess.run(called, env=bare, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['in use', 'loading', 'ready']", done.stderr
    expected = load_segmenter(path, engine="torch", device="cpu")(picture)
    assert expected.std() > 0.01
    assert np.abs(np.load(tmp_path / "mask.npy") - expected).mean() <= 1 / 255


# What needs torch


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--network.engine", "torch"], r"network\.engine torch .* can't be had: the engine torch needs torch"),
        (["--network.weights", "{voc}"], r"network\.weights: a deconvnet needs torch"),
    ],
)
def test_what_needs_torch_says_so_with_the_command(bare, tmp_path, options, says):
    voc = saved(tmp_path / "voc.safetensors", DECONV, build(DECONV))
    options = [option.format(voc=voc) for option in options]
    done = segblur(bare, "image", PICTURE, "-o", tmp_path / "out", *options)
    assert done.returncode == 78
    assert_sentence(done.stderr, says + COMMAND.format(PARTS["cuda"]))


@pytest.mark.parametrize("words", ["vcam train --data x", "training evaluate x", "training card"])
def test_training_says_so_with_the_command(bare, words):
    called = [sys.executable, "-m", *words.split()]
    done = subprocess.run(called, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert_sentence(done.stderr, "training needs torch" + COMMAND.format(PARTS["train"]))


def assert_sentence(text, says):
    import re

    (line,) = text.splitlines()
    assert re.search(f"^segblur: {says}", line), line


@pytest.mark.parametrize(
    ("parts", "broken", "says"),
    [
        (("torchvision",), (), "training needs torchvision" + COMMAND.format(PARTS["train"])),
        (("matplotlib",), (), "training needs matplotlib" + COMMAND.format(PARTS["train"])),
        (
            (),
            ("torch",),
            r"training needs torch, which can't be imported here \(libcudart\.so\.13: no such file or",
        ),
    ],
)
def test_half_of_an_extra_is_one_sentence(tmp_path, parts, broken, says):
    environment = without(tmp_path, parts, broken)
    done = subprocess.run(
        [sys.executable, "-m", "training", "card"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert_sentence(done.stderr, says)


# A package of a distribution, to which pip can add nothing

DEBIANS_QT = "python3-pyside6.qtnetwork python3-pyside6.qtsvg python3-pyside6.qtwidgets"
IN_ITS_PLACE = "  # in a checkout of SegBlur, once this package is removed"


@pytest.mark.parametrize(
    ("extra", "tool", "python", "command"),
    [
        ("panel", "apt", (3, 13), f"sudo apt install {DEBIANS_QT}"),
        ("panel", "dnf", (3, 14), "sudo dnf install python3-pyside6"),
        ("panel", "pacman", (3, 14), "sudo pacman -S pyside6"),
        ("panel", "apt", (3, 11), "uv tool install '.[panel]'" + IN_ITS_PLACE),
        ("cuda", "apt", (3, 13), "uv tool install '.[cuda]'" + IN_ITS_PLACE),
    ],
)
def test_in_a_package_it_names_what_can_be_had_there(monkeypatch, extra, tool, python, command):
    monkeypatch.setattr(sys, "prefix", extras.PACKAGE)
    monkeypatch.setattr(sys, "version_info", python)
    monkeypatch.setattr(extras.shutil, "which", lambda name: f"/usr/bin/{name}" if name == tool else None)
    assert lacking("a part", extra, (), ("no_such_part",)) == f"a part needs no_such_part; install it with: {command}"


# A GPU that nothing uses


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(engines, "driver_finds_gpu", lambda: True)


def test_a_gpu_without_torch_is_left_alone_and_told_of(gpu, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert choose("auto", "auto") == ("openvino", "cpu")
    sentence = "using the NVIDIA GPU of this machine needs torch; install it with: " + install("cuda")
    assert engines.missing_cuda_torch() == missing_for_gpu(NetworkSettings()) == sentence
    assert missing_for_gpu(NetworkSettings(device="cpu")) == ""  # nobody wants it
    with pytest.raises(EngineError) as caught:
        choose("auto", "cuda")
    assert str(caught.value) == sentence


def test_a_gpu_and_a_torch_that_is_damaged_is_left_alone_and_told_of(gpu, monkeypatch):
    def damaged(name):
        raise OSError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(extras, "import_module", damaged)
    assert choose("auto", "auto") == ("openvino", "cpu")
    assert "can't be imported here (libcudart.so.13: cannot open" in engines.missing_cuda_torch()


def test_a_gpu_with_torch_misses_nothing(gpu):
    assert torch.__version__
    assert engines.missing_cuda_torch() == ""


def test_without_a_gpu_nothing_is_missing(monkeypatch):
    monkeypatch.setattr(engines, "driver_finds_gpu", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert engines.missing_cuda_torch() == ""
    with pytest.raises(EngineError, match="there is no CUDA GPU that works"):
        choose("auto", "cuda")


def test_the_shipped_weights_are_of_a_network_that_needs_no_torch():
    assert load_segmenter(DEFAULT, engine="openvino", device="cpu").architecture.graph is not None
