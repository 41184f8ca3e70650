"""The commands as a person calls them."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.helpers.files import picture
from vcam.cli import main as cli
from vcam.cli import training
from vcam.cli.options import overrides
from vcam.errors import CameraLostError
from vcam.media.films import SAMPLE, VideoFile
from vcam.offline import demo
from vcam.settings import Settings, load_settings


def segblur(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "vcam", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def one_sentence(result, code, says):
    assert result.returncode == code, result.stderr
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [["--help"], ["run", "--help"], ["demo", "--help"], ["image", "--help"], ["video", "--help"], ["bench", "--help"]]
    + [[name, "--help"] for name in training.COMMANDS],
)
def test_help_is_there_and_costs_no_torch(words):
    result = segblur(*words)
    assert result.returncode == 0
    assert "usage: segblur" in result.stdout


def test_segblur_alone_prints_what_there_is():
    result = segblur()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == segblur("--help").stdout
    for name in cli.COMMANDS:
        assert f"\n    {name} " in result.stdout


def test_the_version_is_told():
    result = segblur("--version")
    assert (result.returncode, result.stdout) == (0, f"segblur {version('segblur')}\n")


def test_each_command_is_offered_by_the_file_that_the_list_names():
    for name in cli.COMMANDS:
        assert name in cli.parsers([name])[1]
    assert list(cli.parsers(cli.COMMANDS)[1]) == list(cli.COMMANDS)


def test_asking_the_service_costs_neither_the_settings_nor_what_comes_with_them():
    code = "import sys; from vcam.cli.main import main; main(); print({'vcam.settings', 'pydantic'} & set(sys.modules))"
    words = [sys.executable, "-c", code, "status"]
    out = subprocess.run(words, capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "set()"


MISTAKES = {
    "run --look.blurr 1": (78, "look.blurr is not a setting of this command"),
    "image x.jpg -o y --camera.device z": (78, "camera.device is not a setting of this command"),
    "run --look.b 1": (78, "look.b is not a setting"),
    "demo -o /etc/passwd --output.label Nowhere": (1, "/etc/passwd can't be made: File exists"),
    "run --look.blur=2": (78, "look.blur can't be '2'"),
    "run --output.width 641": (78, "output.width can't be"),
    "image missing.jpg -o x": (1, "missing.jpg can't be read: No such file or directory"),
    "image missing.jpg -o x --network.weights none": (78, "there is no weights file none"),
    "video missing.mp4 -o x.mp4": (1, "missing.mp4 can't be read as a video: No such file or directory"),
    "demo --camera.device /dev/video99": (1, "there is no webcam /dev/video99"),
    "bench --frames 0": (78, "--frames must be from 1 to"),
    "nonsense": (2, "there is no command nonsense; segblur --help lists them"),
    "version": (2, "there is no command version"),
    "vidoe a.mp4": (2, "there is no command vidoe; did you mean segblur video?"),
    "run --camera 1": (2, "there is no --camera; there is --camera.device, --camera.format and --camera.fps; see segb"),
    "run --blur=0.5": (2, "there is no --blur; there is --look.blur; see segblur run --help"),
    "status --wath": (2, "there is no --wath; there is --watch; see segblur status --help"),
    "image x.jpg -o y --look.blurr 1": (78, "look.blurr is not a setting of this command; there is --look.blur;"),
    "devices x": (2, "unrecognized arguments: x; see segblur devices --help"),
    "video -a.mp4 -o x.mp4": (2, "there is no option -a.mp4; if that is a file, name it ./-a.mp4; see segblur video"),
    "effect picture -a.png": (2, "if that is a file, name it ./-a.png; see segblur effect --help"),
    "weights use -a.safetensors": (2, "name it ./-a.safetensors; see segblur weights use --help"),
    "weights uze": (2, "argument ACTION: invalid choice: 'uze'"),
    "image x.jpg": (2, "-o"),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_each_mistake_gives_one_sentence_and_its_exit_code(words):
    one_sentence(segblur(*words.split()), *MISTAKES[words])


def test_a_bad_settings_file_stops_every_command(tmp_path):
    (tmp_path / "segblur").mkdir()
    (tmp_path / "segblur" / "config.toml").write_text("[look]\nblurr = 1\n")
    one_sentence(segblur("devices", XDG_CONFIG_HOME=str(tmp_path)), 78, "look.blurr is not a setting")


def test_image_finds_a_real_person(tmp_path):
    result = segblur("image", picture(tmp_path / "me.jpg", 640, 480), "-o", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 3
    cv2 = pytest.importorskip("cv2")
    mask = cv2.imread(str(tmp_path / "out" / "me.mask.png"), cv2.IMREAD_GRAYSCALE)
    assert mask[150:460, 280:330].mean() > 250  # head and chest
    assert mask[:, 560:].mean() < 5
    assert mask[:60].mean() < 5


def test_the_demo_without_a_display_writes_a_video_and_a_sheet_and_says_where(tmp_path):
    if any(word in os.environ for word in ("DISPLAY", "WAYLAND_DISPLAY")):
        pytest.skip("there is a display")
    result = segblur("demo", "-o", tmp_path, "--output.label", "No Such Camera")
    assert result.returncode == 0, result.stderr
    assert f"written: {tmp_path / 'segblur-demo.mp4'} and {tmp_path / 'segblur-demo.jpg'}" in result.stdout
    assert "missing: there is no virtual camera" in result.stdout
    with VideoFile(tmp_path / "segblur-demo.mp4") as video:
        assert len(list(video.frames())) == 87


def test_bench_prints_rows_that_programs_can_read():
    result = segblur("bench", "--json", "--frames", "3", "--output.width", "320", "--output.height", "240")
    rows = json.loads(result.stdout)
    assert [row["input"] for row in rows] == ["yuyv", "mjpeg"]
    for row in rows:
        assert {"device", "engine", "width", "height", "p50_ms", "p95_ms", "p99_ms", "cpu_ms", "rss_mb"} <= set(row)
        assert set(row["stages"]) == {"decode", "resize", "network", "check", "compose"}
        assert row["p50_ms"] > 0


class TestPlan:
    """What the demo decides to do."""

    @pytest.fixture
    def settings(self):
        return load_settings({"output": {"label": "No Such Camera"}})

    def test_without_anything_it_takes_the_sample_and_files(self, settings):
        plan = demo.make_plan(settings, lambda: False, [])
        assert (plan.webcam, plan.loopback, plan.window, plan.serves) == (None, None, False, False)
        assert len(plan.missing) == 3

    def test_with_a_display_it_opens_a_window(self, settings):
        assert demo.make_plan(settings, lambda: True, []).window

    def test_with_webcam_and_virtual_camera_it_does_the_real_thing(self, settings, monkeypatch, tmp_path):
        from tests.devices.test_v4l2 import WEBCAM

        monkeypatch.setattr(demo, "find_loopback", lambda label: tmp_path)
        plan = demo.make_plan(settings, lambda: pytest.fail("no window is needed"), [WEBCAM])
        assert plan.serves
        assert plan.missing == ()

    def test_a_webcam_that_was_asked_for_must_be_there(self):
        settings = load_settings({"camera": {"device": "/dev/video99"}})
        with pytest.raises(CameraLostError):
            demo.make_plan(settings, lambda: False, [])


def test_overrides_are_the_settings_among_the_options():
    arguments = cli.parsers(["run"])[1]["run"].parse_args(["--look.blur", "0.7", "--camera.device", "c920"])
    assert overrides(arguments) == {"look": {"blur": "0.7"}, "camera": {"device": "c920"}}
    assert isinstance(load_settings(overrides(arguments)), Settings)
    assert SAMPLE.exists()


TRAINING_MISTAKES = {
    "train --data nowhere": "nowhere/train/ccp_upper/images holds no pictures",
    "train --data nowhere --steps 0": "steps",
    "train --data nowhere --config missing.toml": "missing.toml is not a readable TOML file",
    "train --data nowhere --network unet": "unet is not one of light, selfie, deconvnet",
    "evaluate nowhere": "nowhere/images holds no pictures",
    "evaluate nowhere --weights missing.safetensors": "there is no weights file missing.safetensors",
    "export missing.pth out.safetensors --name lraspp_mobilenet_v3_large": "missing.pth",
    "export missing.safetensors out.tflite": "its name must end with .safetensors, .xml or .onnx",
    "split nowhere --by x": "nowhere/images holds no pictures",
    "label nowhere out --teachers {}": "teachers: Dictionary should have at least 1 item",
    'label nowhere out --teachers {"a.onnx":0}': "teachers.a.onnx: Input should be greater than 0",
    'label nowhere out --teachers {"a.onnx":1}': "nowhere holds no pictures",
    "card --weights missing.safetensors": "there is no weights file missing.safetensors",
}


@pytest.mark.parametrize("words", TRAINING_MISTAKES)
def test_each_mistake_with_training_gives_one_sentence_and_writes_nothing(words, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    one_sentence(segblur(*words.split()), 1, TRAINING_MISTAKES[words])
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("train --data x --lerning-rate 1", "unrecognized arguments: --lerning-rate 1; see segblur train --help"),
        ("split", "the following arguments are required: FOLDER, --by; see segblur split --help"),
    ],
)
def test_a_wrong_call_of_training_names_its_command(words, says):
    one_sentence(segblur(*words.split()), 2, says)


def test_the_help_of_training_costs_no_torch():
    code = "import sys, training.__main__ as us\ntry: us.main()\nfinally: print('torch' in sys.modules)"
    words = [sys.executable, "-c", code, "train", "--help"]
    out = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "usage: segblur train" in out.stdout
    assert out.stdout.splitlines()[-1] == "False"
