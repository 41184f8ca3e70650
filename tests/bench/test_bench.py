"""What `segblur bench` measures, and what it measures against."""

import json
import subprocess
import sys
from types import ModuleType

import cv2
import numpy as np
import pytest

from tests.cli.test_main import segblur
from tests.helpers.fake_segmenter import SIZE, Fake
from vcam.bench import bench, matrix, report
from vcam.bench.baseline import by_mediapipe, by_network, ordinary
from vcam.bench.bench import compare, measure, our_way, read_inputs
from vcam.cli.main import main
from vcam.effects import look
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.errors import SegBlurError, SettingsError
from vcam.frame import empty, planes
from vcam.masks.mask import find_mask
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import to_bgr
from vcam.settings import OutputSettings, Settings

WIDTH, HEIGHT = 320, 240


def left_half(picture, previous):
    mask = np.zeros(picture.shape[:2])
    mask[:, : mask.shape[1] // 2] = 1.0
    return mask


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    matrix.write_inputs(folder, WIDTH, HEIGHT)
    return read_inputs(folder)


def way(segment, inputs, kind="yuyv", troubles=None):
    settings = Settings(output=OutputSettings(width=WIDTH, height=HEIGHT))
    return our_way(segment, kind, inputs[kind], settings, set() if troubles is None else troubles)


# What is measured


def test_the_inputs_are_different_real_pictures_the_same_in_both_kinds(inputs):
    assert len(inputs["yuyv"]) == len(inputs["mjpeg"]) == matrix.PICTURES
    yuyv, mjpeg = empty(WIDTH, HEIGHT), empty(WIDTH, HEIGHT)
    for packed, jpeg in zip(inputs["yuyv"], inputs["mjpeg"], strict=True):
        assert bench.decode(packed, "YUYV", yuyv)
        assert bench.decode(jpeg, "MJPG", mjpeg)
        assert np.abs(yuyv.astype(int) - mjpeg).mean() < 2
        assert yuyv.std() > 30
    assert not np.array_equal(inputs["yuyv"][0], inputs["yuyv"][1])


def test_the_jpegs_have_colour_at_half_the_width_as_webcams_send_it(inputs):
    data = inputs["mjpeg"][0].tobytes()
    frame = data.index(b"\xff\xc0")  # start of frame, ITU-T T.81 B.2.2; the first component's sampling is byte 11
    assert data[frame + 11] == 0x21


def test_a_frame_goes_the_workers_way_and_each_stage_leaves_a_mark(inputs, monkeypatch):
    shown = []
    monkeypatch.setattr(look, "compose", lambda *a, **k: shown.append(compose(*a, **k).pixels.copy()))
    marks = way(Fake(left_half), inputs)(3)
    assert len(marks) == len(bench.STAGES) + 1
    assert marks == sorted(marks)
    pixels = empty(WIDTH, HEIGHT)
    bench.decode(inputs["yuyv"][3], "YUYV", pixels)
    frame = RawFrame(pixels, 3, 0.0)
    expected = compose(frame, find_mask(frame, Fake(left_half)), Blur(0.5)).pixels
    assert np.array_equal(shown[0], expected)


def test_the_network_is_given_the_mask_before_as_in_the_service(inputs):
    seen = []
    segment = Fake(lambda picture, previous: seen.append(previous) or left_half(picture, previous))
    here = way(segment, {"yuyv": inputs["yuyv"][:1]})
    for number in range(2):
        here(number)
    assert seen[0] is None
    assert np.array_equal(seen[1], left_half(np.zeros((*SIZE[::-1], 3)), None))


def test_a_network_that_fails_is_told_and_the_marks_are_there_still(inputs):
    troubles = set()
    marks = way(Fake(lambda *_: 1 / 0), inputs, troubles=troubles)(0)
    assert len(marks) == len(bench.STAGES) + 1
    assert "ZeroDivisionError" in troubles.pop()


def test_figures_are_those_of_the_marks():
    """Frames of 1 + 2 + 3 + 4 + 5 ms by the clock and a tenth of that on the CPU, but for the last, which takes 100."""

    def made_up(number):
        times = np.cumsum([0.0, 0.001, 0.002, 0.003, 0.004, 0.005 if number < 19 else 0.100])
        return [(time, time / 10) for time in times]

    row = measure(made_up, 20)
    assert row["stages"] == {"decode": 1.0, "resize": 2.0, "network": 3.0, "check": 4.0, "compose": 5.0}
    assert row["cpu_stages"]["network"] == 0.3
    assert row["cpu_stages"]["compose"] == 0.5
    assert row["cpu_ms"] == 1.5
    assert row["p50_ms"] == 15.0
    assert row["p99_ms"] > row["p95_ms"] > 15
    assert 20 < row["rss_mb"] <= row["peak_mb"]


def test_recipes_take_turns_and_the_ratio_is_that_of_their_cpu_time(monkeypatch):
    order, clock = [], [0.0]
    monkeypatch.setattr(bench.time, "process_time", lambda: clock[0])

    def costs(name, seconds):
        def frame(number):
            order.append(name)
            clock[0] += seconds

        return frame

    result = compare({"ours": costs("ours", 0.004), "theirs": costs("theirs", 0.028)}, 10)
    assert (result["ours"]["cpu_ms"], result["ours"]["ratio"]) == (4.0, 1.0)
    assert (result["theirs"]["cpu_ms"], result["theirs"]["ratio"]) == (28.0, 7.0)
    assert "".join(name[0] for name in order) == "ot" + 2 * ("o" * bench.BLOCK + "t" * bench.BLOCK)


# The ordinary recipe


@pytest.mark.parametrize(("kind", "fourcc"), [("yuyv", "YUYV"), ("mjpeg", "MJPG")])
def test_the_ordinary_recipe_blurs_what_the_mask_does_not_keep(inputs, kind, fourcc):
    result = ordinary(inputs[kind][0], fourcc, by_network(Fake(left_half)), (WIDTH, HEIGHT))
    pixels = empty(WIDTH, HEIGHT)
    bench.decode(inputs[kind][0], fourcc, pixels)
    before, after = (planes(p)[0].astype(float) for p in (pixels, result))
    assert np.abs(before - after)[:, :100].mean() < 2
    blurred = cv2.GaussianBlur(before, (35, 35), 0)
    assert np.abs(blurred - after)[:, -100:].mean() < 2
    assert np.abs(before - after)[:, -100:].mean() > 5


def test_mediapipe_is_measured_only_where_it_is_installed(monkeypatch, inputs):
    name = "mediapipe.python.solutions.selfie_segmentation"
    monkeypatch.setitem(sys.modules, name, None)
    assert by_mediapipe() is None

    class Selfie:
        def __init__(self, model_selection):
            assert model_selection == 1  # the one for webcams

        def process(self, rgb):
            assert rgb.shape == (HEIGHT, WIDTH, 3)
            return type("Result", (), {"segmentation_mask": np.ones((HEIGHT, WIDTH))})

    there = ModuleType(name)
    there.SelfieSegmentation = Selfie
    monkeypatch.setitem(sys.modules, name, there)
    kept = ordinary(inputs["yuyv"][0], "YUYV", by_mediapipe(), (WIDTH, HEIGHT))
    bgr = cv2.cvtColor(inputs["yuyv"][0], cv2.COLOR_YUV2BGR_YUYV)
    assert np.abs(to_bgr(kept).astype(int) - bgr).mean() < 4


# The command


@pytest.mark.parametrize("text", ["1280", "1280x", "axb", "1281x720", "100x100", "9999x720", ""])
def test_a_size_that_can_not_be_is_refused_in_a_sentence(text):
    with pytest.raises(SettingsError, match=r"--sizes can't have .*write 1280x720,1920x1080"):
        matrix.parse_size(text)


def test_sizes_and_engines_are_read_as_people_write_them():
    assert (matrix.parse_size(" 1920X1080").width, matrix.parse_size("640×480").height) == (1920, 480)
    assert matrix.parse_engine(" torch") == "torch"
    with pytest.raises(SettingsError, match="--engines can't have 'tensorrt'; there are torch, openvino"):
        matrix.parse_engine("tensorrt")


def test_rows_have_the_start_of_a_fresh_process_and_a_first_one_with_an_empty_cache(monkeypatch):
    started = []

    def child(folder, settings, frames, compare):
        assert (folder / "yuyv.npy").is_file()
        assert not (folder / "cache").exists() or started
        (folder / "cache").mkdir(exist_ok=True)
        started.append((settings.network.engine, settings.output.width, frames, compare))
        return [{"input": "yuyv", "startup": {"total_s": 9.0 - len(started)}}]

    monkeypatch.setattr(matrix, "spawn", child)
    said = []
    rows = matrix.bench(Settings(), [matrix.parse_size("320x240")], ["torch"], 7, True, said.append)
    assert started == [("torch", 320, 0, False), ("torch", 320, 7, False), ("torch", 320, 7, True)]
    assert [(row["startup"]["total_s"], row["first_startup"]["total_s"]) for row in rows] == [(7.0, 8.0)]
    assert said == ["torch 320×240: 7 frames of each kind"]


def test_a_process_that_fails_is_told_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(matrix, "CHILD", (sys.executable, "-c", "raise ValueError('no memory')"))
    with pytest.raises(SegBlurError, match=r"failed \(ValueError: no memory\); try another engine"):
        matrix.spawn(tmp_path, Settings(), 1, compare=False)


def test_the_command_measures_each_engine_beside_the_ordinary_recipe():
    result = segblur("bench", "--json", "--frames", "3", "--sizes", "320x240", "--engines", "openvino", "--compare")
    rows = json.loads(result.stdout)
    assert [(row["engine"], row["input"], row["width"]) for row in rows] == [
        ("openvino", "yuyv", 320),
        ("openvino", "mjpeg", 320),
    ]
    for row in rows:
        assert row["cpu_ms"] > 0
        assert row["compare"]["ordinary, the same network"]["ratio"] > 0
        assert 0 < row["startup"]["import_s"] < row["startup"]["total_s"]
        assert row["startup"]["rss_mb"] > 50
        assert "trouble" not in row


def test_weights_that_can_not_be_used_end_it_with_their_own_sentence():
    result = segblur("bench", "--frames", "1", "--sizes", "320x240", "--network.weights", "/nowhere")
    assert result.returncode == 78
    assert result.stderr.splitlines()[-1].startswith("segblur: network.weights: there is no weights file")
    assert "Traceback" not in result.stderr


def test_no_thread_of_openblas_spins_beside_the_frames(monkeypatch, capsys):
    """It is told by the environment alone, which the worker and the processes of bench inherit."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "9")  # so that it is taken back afterwards
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    monkeypatch.setattr(sys, "argv", ["segblur", "bench", "--frames", "0"])
    assert main() == 78
    spin = (
        "import cv2, numpy, os; a = numpy.ones((400, 400), 'f'); cv2.gemm(a, a, 1.0, None, 0.0)\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    out = subprocess.run([sys.executable, "-c", spin], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "1"


# The tables


def a_row(**more):
    stages = dict.fromkeys(bench.STAGES, 1.0)
    startup = {"import_s": 1.0, "network_s": 0.5, "total_s": 1.51, "cpu_s": 1.4, "rss_mb": 200}
    return {
        "device": "cpu", "engine": "openvino", "input": "yuyv", "width": 1280, "height": 720, "p50_ms": 5.0,
        "p95_ms": 6.0, "p99_ms": 7.0, "cpu_ms": 4.9, "cpu_mean_ms": 5.5, "rss_mb": 210, "stages": stages,
        "cpu_stages": stages, "startup": startup, "first_startup": startup | {"total_s": 4.0},
    } | more  # fmt: skip


def test_tables_are_aligned_and_each_says_how_it_is_read():
    compared = {"SegBlur": {"cpu_ms": 5.0, "ratio": 1.0}, "ordinary": {"cpu_ms": 30.0, "ratio": 6.0}}
    text = report.tables([a_row(compare=compared), a_row(input="mjpeg", compare=compared)])
    for part in (part for part in text.split("\n\n") if part.startswith("|")):
        assert len({len(line) for line in part.splitlines()}) == 1
    assert "times ours" in text
    assert "yuyv, openvino: a sixth of the ordinary recipe is 5.00 ms; decoding and the network take 2.00" in text
    assert text.count("4.00") == 1  # one line for the start of both inputs
    assert max(map(len, text.splitlines())) <= 130
    assert "times ours" not in report.tables([a_row()])
    assert "no person" in report.tables([a_row(trouble="no person")])


def test_the_page_says_which_bars_are_met_by_the_first_engine():
    rows = [a_row(ratio=5.0), a_row(engine="torch", cpu_ms=9.0, ratio=9.0), a_row(input="mjpeg", cpu_ms=8.01)]
    lines = {line[0]: line[1:] for line in report.bars(rows)}
    assert lines["CPU, 1280×720, YUYV: CPU time a frame"] == ["≤ 5 ms", "4.9 ms", "met"]
    assert lines["CPU, 1280×720, MJPEG: CPU time a frame"] == ["≤ 8 ms", "8.01 ms", "not met"]
    assert lines["CPU, 1280×720, YUYV: the ordinary recipe takes"][1:] == ["5 times ours", "not met"]
    assert not any(what.startswith("CUDA") or ("MJPEG" in what and "recipe" in what) for what in lines)
    page = report.page(rows, "segblur bench --markdown")
    assert "\n\n    segblur bench --markdown\n\n" in page
    assert "Python" in page
