"""What tells of a GPU's speed, tried on the CPU: what a frame is made of, streams, and how far pictures are apart."""

import json

import numpy as np
import pytest
import torch

from segnet.inference import load_segmenter
from segnet.weights import DEFAULT
from vcam import gpureport, gpuspeed, kernels, network
from vcam.kernels import Kernel

SIZE = (320, 240)
STRENGTH = 0.5


@pytest.fixture(scope="module")
def segmenter():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_segmenter(DEFAULT, engine="torch", device="cpu")
    torch.set_num_threads(before)


@pytest.fixture
def frames(segmenter):
    return network.whole_frames(segmenter, SIZE)


@pytest.fixture
def pictures(sample):
    from tests.test_gpu import at

    return [at(frame, SIZE)[1] for frame in sample[:4]]


def test_time_between_kernels_is_a_gap_and_time_in_which_two_run_counts_once():
    found = [Kernel("a", 10, 20), Kernel("b", 15, 25), Kernel("a", 35, 40), Kernel("c", 16, 17)]
    of = kernels.summary(found)
    assert (of["kernels"], of["busy_us"], of["span_us"]) == (4, 20, 30)
    assert of["gaps"] == pytest.approx(1 / 3, abs=1e-3)
    assert of["longest"] == [["a", 2, 15], ["b", 1, 10], ["c", 1, 1]]
    assert kernels.summary([])["kernels"] == 0


def test_each_operation_is_told_by_the_line_of_ours_that_calls_it(frames, pictures):
    frames.ask(STRENGTH, goes_on=False)
    frames.upload(pictures[0])
    assert kernels.one_go(frames)["kernels"] > 100
    lines = kernels.step_by_step(frames)
    assert 0 < len(lines) <= kernels.SHOWN
    assert all(place.startswith(("vcam/", "segnet/")) for place, _, _ in lines)
    assert any(place.startswith("vcam/tensors.py:") for place, _, _ in lines)
    assert [time for _, _, time in lines] == sorted((time for _, _, time in lines), reverse=True)


def test_streams_beside_each_other_are_counted_together(segmenter, pictures):
    makers = [network.whole_frames(segmenter, SIZE) for _ in range(2)]
    found = gpuspeed.beside(makers, pictures, STRENGTH, 2)
    assert found["streams"] == 2
    assert found["p99_ms"] >= found["p50_ms"] > 0
    assert found["fps"] > 0


@pytest.mark.parametrize(("room", "most", "expected"), [(21, 128, 20), (0, 128, 0), (500, 8, 8), (3, 128, 3)])
def test_the_most_streams_that_keep_up_are_found_to_an_eighth(monkeypatch, room, most, expected):
    made = []

    def beside(makers, *_):
        return {"streams": len(makers), "p99_ms": 30.0 if len(makers) <= room else 40.0}

    monkeypatch.setattr(gpuspeed, "beside", beside)
    found = gpuspeed.streams(lambda: made.append(1), [], STRENGTH, 1, most)
    assert found["most"] == expected
    assert [one["streams"] for one in found["tried"]] == sorted({one["streams"] for one in found["tried"]})
    assert len(made) == max(one["streams"] for one in found["tried"])  # none is made anew


def test_the_same_network_makes_the_same_masks_and_another_one_is_found_out(frames, segmenter, pictures):
    alike = gpuspeed.differences(frames, segmenter, segmenter, pictures, STRENGTH)
    assert (alike["mask_mean"], alike["mask_max"]) == (0, 0)
    assert alike["picture_max"] <= 2
    assert alike["picture_mean"] < 0.3

    class Mirrored:
        size_for = segmenter.size_for

        def __call__(self, picture, previous):
            return np.ascontiguousarray(segmenter(picture, None)[:, ::-1])

    other = gpuspeed.differences(frames, segmenter, Mirrored(), pictures, STRENGTH)
    assert other["mask_mean"] > 10
    assert other["picture_mean"] > 1


def test_a_page_tells_what_was_measured_what_failed_and_what_is_not_done(tmp_path):
    (tmp_path / "streams.json").write_text(
        json.dumps({"size": "1920×1080", "most": 2, "tried": [{"streams": 2, "p50_ms": 1, "p99_ms": 2, "fps": 9}]})
    )
    (tmp_path / "profile.json").write_text(json.dumps({"failed": "no room"}))
    assert gpureport.main(["page", str(tmp_path / "page.md"), str(tmp_path)]) == 0
    text = (tmp_path / "page.md").read_text()
    assert "Here: 2." in text
    assert "|       2 |" in text
    assert "profile: no room" in text
    assert "bench: not measured yet." in text


def test_what_can_t_be_measured_is_a_sentence_and_no_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("segnet.engines.driver_finds_gpu", lambda: False)
    assert gpureport.main(["streams", str(tmp_path / "s.json")]) == 1
    assert "no CUDA GPU" in capsys.readouterr().err
    assert gpureport.main(["bench", str(tmp_path / "s.json"), "--sizes", "huge"]) == 1
    assert "--sizes" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_a_stream_that_fails_holds_up_no_other(sample):
    def good(pixels, strength, goes_on, out):
        pass

    def bad(pixels, strength, goes_on, out):
        raise RuntimeError("out of memory")

    for makers in ([good, bad, good], [bad]):
        with pytest.raises(RuntimeError, match="out of memory"):
            gpuspeed.beside(makers, [sample[0].pixels], 0.5, 3)
    assert gpuspeed.beside([good, good], [sample[0].pixels], 0.5, 3)["streams"] == 2
