"""What is counted and measured, and how Prometheus reads it."""

import json
import os
import re
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.service import metrics
from vcam.service.metrics import COUNTERS, STATES, Figures, prometheus, resident


def busy():
    """Ten seconds of a stream at 30 frames a second, one of which is dropped each second."""
    kept = Figures()
    kept.count("worker_starts")
    for second in range(10):
        for frame in range(29):
            now = 100 + second + frame / 29
            kept.wrote(now, now - 0.012 - frame / 10000)
        stages = {"delivery": [1.0 + n / 100 for n in range(30)], "mask": [2.5] * 30}
        kept.told(101.0 + second, {"frames_in": 30, "drops": 1, "stages": stages})
    return kept


def status():
    """As the service makes it."""
    measured = busy().snapshot(110.0, os.getpid(), None)
    memory = {"keeper": 53_477_376, "worker": 298_844_160}
    return {
        "segblur": 1,
        "version": "0.1.0",
        "state": "live",
        "sentence": "",
        "watched_by": "event",
        "previews": 0,
        "outputs": [
            {"path": "/dev/video10", "label": "SegBlur Camera", "viewers": 1, "size": [1280, 720]},
            {"path": "/dev/video11", "label": "SegBlur Camera 2", "viewers": 0, "size": [1280, 720]},
            {"path": "pipewire", "label": "SegBlur Camera", "viewers": 0, "size": [1280, 720], "state": "paused"},
        ],
        "camera": {
            "name": "HD Pro Webcam C920",
            "path": "/dev/video0",
            "id": "usb-046d_HD_Pro_Webcam_C920_8F2A-video-index0",
            "format": "mjpeg",
            "size": [1280, 720],
            "fps": 30.0,
        },
        "network": {
            "weights": "person.safetensors",
            "sha256": "1f" * 32,
            "architecture": "light",
            "engine": "openvino",
            "device": "cpu",
            "size": [256, 144],
            "since": "2026-03-02T09:12:44+01:00",
        },
        "fallback": "",
        "figures": measured | {"memory_bytes": memory},
        "settings": {"look": {"blur": 0.5}},
        "pid": 4711,
        "uptime_s": 93784.2,
    }


def test_a_stream_is_summed_up():
    made = busy().snapshot(110.0, os.getpid(), os.getpid())
    assert (made["frames_in"], made["frames_out"], made["drops"], made["worker_starts"]) == (300, 290, 10, 1)
    assert made["fps_in"] == 30.0
    assert made["fps_out"] == pytest.approx(29, abs=0.01)
    assert made["stages"]["delivery"] == {"p50": 1.14, "p95": 1.28, "p99": 1.29, "count": 300, "total_ms": 343.5}
    assert made["stages"]["mask"]["p99"] == 2.5
    assert made["mask_age_ms"]["p50"] == pytest.approx(13.4, abs=0.11)
    assert made["memory_bytes"]["keeper"] == made["memory_bytes"]["worker"] > 1e6


def test_nothing_has_happened_yet():
    made = Figures().snapshot(0.0, os.getpid(), None)
    assert (made["fps_in"], made["fps_out"], made["stages"]) == (0.0, 0.0, {})
    assert made["mask_age_ms"]["count"] == 0
    assert made["memory_bytes"]["worker"] == 0
    assert {made[name] for name in COUNTERS} == {0}


def test_the_rate_is_that_of_the_last_seconds_and_zero_when_nothing_comes():
    kept = Figures()
    for frame in range(50):  # 10 a second for five seconds, then 30 a second
        kept.wrote(frame / 10, None)
    for frame in range(300):
        kept.wrote(5 + frame / 30, None)
    assert kept.snapshot(15.0, 1, None)["fps_out"] == pytest.approx(30, abs=0.1)
    assert kept.snapshot(18.0, 1, None)["fps_out"] == 0.0


def test_those_who_ask_at_the_same_time_get_the_same_figures():
    kept = busy()
    first = kept.snapshot(110.0, os.getpid(), None)
    kept.count("swaps")
    assert kept.snapshot(110.1, os.getpid(), None) is first
    assert kept.snapshot(110.3, os.getpid(), None)["swaps"] == 1


def test_a_year_takes_no_more_memory_than_a_minute():
    kept = Figures()
    for second in range(500):
        kept.told(second, {"frames_in": 60, "stages": {f"stage_{second}": [1.0], "delivery": [1.0] * 5000}})
        for frame in range(60):
            kept.wrote(second + frame / 60, second)
    held = [kept._in, kept._out, kept._age.newest, *(series.newest for series in kept._stages.values())]
    assert all(len(queue) == queue.maxlen or len(queue) <= 500 for queue in held)
    assert all(queue.maxlen is not None for queue in held)
    assert len(kept._stages) == metrics.MOST_STAGES


def test_a_counter_that_does_not_exist_is_a_mistake():
    with pytest.raises(KeyError):
        Figures().count("mistakes")


MAD = [
    {"stages": {"delivery": [nan, inf, -1.0, "3", None, 10**400, [1.0], 1e9]}},
    {"stages": {"De code": [1.0], "": [1.0], "x" * 99: [1.0], 'a"b': [1.0], 7: [1.0], "é": [1.0]}},
    {"stages": {"delivery": 3}},
    {"stages": [1]},
    {"frames_in": -3, "drops": "many"},
    {"frames_in": True, "drops": 10**400},
    {"frames_in": nan},
    {},
]


@pytest.mark.parametrize("facts", MAD)
def test_a_worker_gone_mad_changes_no_figure(facts):
    kept = Figures()
    kept.told(1.0, facts)
    made = kept.snapshot(1.0, os.getpid(), None)
    assert made["frames_in"] == made["drops"] == 0
    assert sum(stage["count"] for stage in made["stages"].values()) == 0
    json.dumps(made, allow_nan=False)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(st.lists(st.fixed_dictionaries({}, optional={"frames_in": anything, "drops": anything, "stages": anything})))
def test_whatever_a_worker_says_the_figures_stay_numbers_that_only_grow(reports):
    kept, last = Figures(), {}
    for second, facts in enumerate(reports):
        kept.told(second, facts)
        made = kept.snapshot(second, os.getpid(), None)
        json.dumps(made, allow_nan=False)
        assert all(made[name] >= last.get(name, 0) for name in COUNTERS)
        last = made


def test_a_process_that_is_gone_holds_no_memory():
    assert resident(2**22 + 1) == 0
    statm = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert resident(os.getpid()) == pytest.approx(statm, rel=0.2)


SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')


def read(text):
    """Samples by name and labels, as a scraper takes them: each after its HELP and TYPE, none twice."""
    found, kinds = {}, {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert line.endswith(".")
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
            last = name
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name.removesuffix("_sum").removesuffix("_count") == last or name == last, line
            assert (name, labels) not in found
            found[name, labels] = float(value)
    for name, kind in kinds.items():
        assert (kind == "counter") == name.endswith("_total")
    return found


def test_prometheus_reads_every_figure():
    found = read(prometheus(status()))
    assert found["segblur_frames_in_total", None] == 300
    assert found["segblur_stage_seconds", 'stage="delivery",quantile="0.5"'] == 0.00114
    assert found["segblur_stage_seconds_count", 'stage="delivery"'] == 300
    assert found["segblur_mask_age_seconds_count", None] == 290
    assert found["segblur_viewers", 'path="/dev/video10"'] == 1
    assert found["segblur_resident_memory_bytes", 'process="worker"'] == 298_844_160
    assert {name for name, _ in found} >= {f"segblur_{name}_total" for name in COUNTERS}
    assert [found["segblur_state", f'state="{state}"'] for state in STATES] == [0, 0, 1, 0, 0, 0]


def test_prometheus_reads_a_service_at_rest():
    resting = status() | {"state": "asleep", "camera": None, "network": None, "fallback": 'the "GPU"\nfailed'}
    resting["outputs"] = [{"path": "/dev/video10", "label": "x", "viewers": None, "size": [1280, 720]}]
    resting["figures"] = Figures().snapshot(0.0, 1, None)
    found = read(prometheus(resting))
    assert found["segblur_fallback", None] == 1
    assert "segblur_viewers" not in {name for name, _ in found}


@given(st.text())
def test_whatever_a_label_holds_the_lines_stay_whole(text):
    named = status()
    named["network"]["weights"] = text
    lines = prometheus(named).split("\n")
    assert SAMPLE.fullmatch(next(line for line in lines if line.startswith("segblur_network_info")))
