"""Many videos at a time: each comes out as it does alone, and what is wrong with one is no other's concern."""

import re
import subprocess
import sys
from threading import Barrier

import av
import cv2
import numpy as np
import pytest
import torch

from segnet.inference import load_segmenter
from segnet.weights import DEFAULT
from tests.cli.test_main import one_sentence, segblur
from tests.gpu.marks import needs_gpu
from tests.helpers.faulty_worker import Box, paint_secret, secret_of
from vcam.effects.blur import Blur
from vcam.errors import OutputError, PictureError, SettingsError
from vcam.frame import empty, planes
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.yuv import from_bgr, to_bgr
from vcam.offline.batch import blur_videos
from vcam.pipeline import network
from vcam.pipeline.cuda_graph import Frames
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.settings import LookSettings, NetworkSettings

FRAMES = 20
BLUR = LookSettings()


def save(path, frames):
    """Exactly these frames as a video."""
    with av.open(str(path), "w") as output:
        height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
        stream = output.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = 6, 1
        for pixels in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="yuv420p")))
        output.mux(stream.encode())
    return path


def frames_of(path):
    with VideoFile(path) as video:
        return np.stack(list(video.frames()))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Of the sample: its beginning, its end mirrored, and the middle smaller, half as long and with a secret. All are
    as wide as a multiple of 128 pixels: at other widths x264's macroblock tree is not the same twice, even alone.
    """
    folder = tmp_path_factory.mktemp("clips")
    every = frames_of(SAMPLE)
    mirrored, small = [], []
    for pixels in every[-FRAMES:]:
        mirrored.append(empty(640, 480))
        from_bgr(to_bgr(pixels)[:, ::-1], mirrored[-1])
    for pixels in every[40 : 40 + FRAMES // 2]:
        small.append(empty(384, 240))
        from_bgr(cv2.resize(to_bgr(pixels), (384, 240)), small[-1])
        paint_secret(planes(small[-1])[0])
    named = {"one": list(every[:FRAMES]), "two": mirrored, "three": small}
    return [save(folder / f"{name}.mkv", frames) for name, frames in named.items()]


def always(segment):
    return lambda: lambda width, height: segment


def blurred(sources, folder, at_once, load, look=BLUR):
    """The jobs by the name of what was to be read."""
    jobs = list(blur_videos(sources, folder, at_once, load, look))
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    return {job.source.name: job for job in jobs}


def test_several_videos_at_once_come_out_as_one_at_a_time(clips, tmp_path):
    def load():
        return network.load_by_size(NetworkSettings(engine="openvino", device="cpu"))

    for folder, at_once in (("alone", 1), ("together", 3)):
        jobs = blurred(clips, tmp_path / folder, at_once, load)
        assert {name: (job.frames, job.trouble) for name, job in jobs.items()} == {
            "one.mkv": (FRAMES, ""),
            "two.mkv": (FRAMES, ""),
            "three.mkv": (FRAMES // 2, ""),
        }
    for clip in clips:
        alone, together = (
            frames_of(tmp_path / folder / f"{clip.stem}.blurred.mkv") for folder in ("alone", "together")
        )
        assert np.array_equal(alone, together)
        assert np.abs(alone.astype(int) - frames_of(clip)).mean() > 1  # the room is not to be seen


def test_as_many_are_under_way_as_were_asked_for(clips, tmp_path):
    class Together(Box):
        """Waits at each video's first frame until all three are there."""

        def __init__(self):
            self.barrier = Barrier(3)

        def __call__(self, picture, previous=None):
            if previous is None:
                self.barrier.wait(60)
            return super().__call__(picture, previous)

    together = Together()
    blurred(clips, tmp_path, 3, always(together))
    assert not together.barrier.broken


def test_each_stream_is_told_its_own_mask_before_and_no_other(clips, tmp_path):
    """The answer to a frame is a number of its own; what comes back as the one before has to be of the same video."""

    class Numbers(Box):
        def __init__(self):
            self.told = []

        def __call__(self, picture, previous):
            mask = super().__call__(picture)
            mask[20, 30] = 0.7 + picture.mean() / 1000  # tells the videos apart, and changes nothing
            self.told.append((None if previous is None else float(previous[20, 30]), float(mask[20, 30])))
            return mask

    alone, together = [], []
    for clip in clips:
        one = Numbers()
        blurred([clip], tmp_path, 1, always(one))
        alone.append(one.told)
    for _ in clips:
        together.append(Numbers())
    waiting = iter(together)
    blurred(clips, tmp_path, 3, lambda: always(next(waiting))())
    assert sorted(map(str, alone)) == sorted(str(one.told) for one in together)
    assert all(told[0][0] is None and len({after for _, after in told}) > 1 for told in alone)


def test_what_can_t_be_read_is_told_and_the_others_go_on(clips, tmp_path):
    (tmp_path / "text.mp4").write_text("this is not a video")
    bad = [tmp_path / "text.mp4", tmp_path / "missing.mp4"]
    out = tmp_path / "out"
    jobs = blurred([bad[0], clips[0], bad[1], clips[2]], out, 2, always(Box()))
    assert sorted(path.name for path in out.iterdir()) == ["one.blurred.mkv", "three.blurred.mkv"]
    for path, says in zip(bad, ("can't be read as a video", "No such file"), strict=True):
        assert re.search(f"{path.name}.*{says}", jobs[path.name].trouble)
    assert len(frames_of(out / "one.blurred.mkv")) == FRAMES


def test_of_one_that_is_cut_off_there_is_what_can_be_read_and_a_sentence(clips, tmp_path, capsys):
    data = SAMPLE.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    jobs = blurred([tmp_path / "cut.mkv", clips[2]], tmp_path / "out", 2, always(Box()))
    assert jobs["cut.mkv"].trouble == jobs["three.mkv"].trouble == ""
    assert 35 < jobs["cut.mkv"].frames == len(frames_of(tmp_path / "out" / "cut.blurred.mkv")) < 55
    said = capsys.readouterr().err.splitlines()
    assert [
        line for line in said if line.startswith(f"segblur: {tmp_path / 'cut.mkv'} is cut off: it ends after")
    ] == said


def test_a_failure_nobody_thought_of_ends_one_video_and_leaves_what_was_there(clips, tmp_path, monkeypatch):
    def mishap(video):
        if video.path == clips[0]:
            raise ZeroDivisionError("of all things")
        return original(video)

    original = VideoFile.timed_frames
    monkeypatch.setattr(VideoFile, "timed_frames", mishap)
    (tmp_path / "one.blurred.mkv").write_text("old")
    jobs = blurred(clips[:2], tmp_path, 2, always(Box()))
    assert "one.mkv can't be blurred (ZeroDivisionError: of all things)" in jobs["one.mkv"].trouble
    assert (tmp_path / "one.blurred.mkv").read_text() == "old"
    assert jobs["two.mkv"].frames == FRAMES


def test_a_network_that_fails_at_one_video_hides_all_of_it_and_only_of_it(clips, tmp_path, capsys):
    class Fails(Box):
        def size_for(self, width, height):
            return (64, 48) if width == 640 else (32, 24)

        def __call__(self, picture, previous=None):
            if picture.shape[1] == 32:
                raise RuntimeError("out of memory")
            return super().__call__(picture, previous)

    blurred(clips[1:], tmp_path / "fails", 2, always(Fails()))
    blurred(clips[1:2], tmp_path / "alone", 1, always(Box()))
    assert capsys.readouterr().err.count(f"{clips[2]}: the network failed (RuntimeError: out of memory)") == 1
    two, three = (frames_of(tmp_path / "fails" / f"{clip.stem}.blurred.mkv") for clip in clips[1:])
    assert np.array_equal(two, frames_of(tmp_path / "alone" / "two.blurred.mkv"))
    assert max(secret_of(planes(pixels)[0]) for pixels in three) < 0.02
    whole = Blur(0.5)(frames_of(clips[2])[3], None)
    assert np.abs(three[3].astype(int) - whole).mean() < 1


def test_of_two_with_one_name_the_first_is_made_and_no_video_is_written_over(clips, tmp_path):
    twin, own = tmp_path / "one.mkv", tmp_path / "out" / "two.blurred.mkv"
    own.parent.mkdir()
    for path in (twin, own):
        path.write_bytes(clips[0].read_bytes())
    jobs = list(blur_videos([clips[0], twin, clips[1], own], own.parent, 2, always(Box()), LookSettings()))
    troubles = {job.source: job.trouble for job in jobs}
    assert troubles[clips[0]] == troubles[own] == ""
    assert f"{twin} and {clips[0]} would both become" in troubles[twin]
    assert f"{clips[1]} would be written over {own}" in troubles[clips[1]]
    assert own.read_bytes() == clips[0].read_bytes()


def test_a_disk_that_is_full_for_one_is_not_for_the_others(clips, tmp_path, monkeypatch):
    from vcam.offline import video

    def full(source, beside, target, step, frames):
        if "one" in target.name:
            beside.write_text("half")
            raise OSError(28, "No space left on device")
        return original(source, beside, target, step, frames)

    original = video.encode
    monkeypatch.setattr(video, "encode", full)
    jobs = blurred(clips[:2], tmp_path, 2, always(Box()))
    assert "one.blurred.mkv can't be written: No space left" in jobs["one.mkv"].trouble
    assert [path.name for path in tmp_path.iterdir()] == ["two.blurred.mkv"]


def test_who_wants_no_more_leaves_nothing_half_written(clips, tmp_path):
    jobs = blur_videos(clips, tmp_path, 1, always(Box()), LookSettings())
    first = next(jobs)
    jobs.close()
    assert [path.name for path in tmp_path.iterdir()] == [first.target.name]


def test_what_is_wrong_with_the_call_is_told_before_any_work(clips, tmp_path):
    def no_work():
        pytest.fail("nothing is to be loaded")

    (tmp_path / "file").touch()
    for folder, look, error, says in (
        (tmp_path / "file", LookSettings(), OutputError, "can't be made"),
        (tmp_path / "out.mp4", LookSettings(), OutputError, "is the name of one video"),
        (tmp_path, LookSettings(effect="transparent"), SettingsError, "transparent"),
        (tmp_path, LookSettings(picture=tmp_path / "none.jpg", effect="picture"), PictureError, "none.jpg"),
    ):
        with pytest.raises(error, match=says):
            next(blur_videos(clips, folder, 2, no_work, look))
    assert [job.trouble != "" for job in blur_videos([tmp_path / "none.mp4"], tmp_path, 2, no_work, LookSettings())]


@pytest.fixture
def on_gpu():
    """A network that makes whole frames in one go, as on a GPU, but step by step on the CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    segmenter = load_segmenter(DEFAULT, engine="torch", device="cpu", threads=1)

    def load():
        return lambda width, height: WatchedNetwork(
            segmenter, NetworkSettings(), network.whole_frames(segmenter, (width, height))
        )

    yield load
    torch.set_num_threads(before)


def test_streams_of_whole_frames_are_those_that_each_makes_alone(clips, tmp_path, on_gpu, monkeypatch):
    made, original = [], Frames.__call__

    def count(frames, pixels, strength, goes_on, *more):
        made.append(goes_on)
        return original(frames, pixels, strength, goes_on, *more)

    monkeypatch.setattr(Frames, "__call__", count)
    folders = [tmp_path / name for name in ("alone", "together")]
    for folder, at_once in zip(folders, (1, 2), strict=True):
        jobs = blurred(clips[1:], folder, at_once, on_gpu)
        assert not any(job.trouble for job in jobs.values())
    assert len(made) - made.count(True) == 2 * 2 * 3  # each begins anew: in the video, and twice when it was loaded
    for clip in clips[1:]:
        alone, together = (frames_of(folder / f"{clip.stem}.blurred.mkv") for folder in folders)
        assert np.array_equal(alone, together)


def test_on_a_gpu_graphs_are_made_one_at_a_time_and_only_for_another_size(monkeypatch):
    made, streams = [], []

    def whole_frames(segmenter, size):
        assert network.CAPTURE.locked()
        made.append(size)

    segmenter = load_segmenter(DEFAULT)
    segmenter.device = "cuda"
    monkeypatch.setattr(network, "load_network", lambda settings: segmenter)
    monkeypatch.setattr(network, "whole_frames", whole_frames)
    monkeypatch.setattr("vcam.pipeline.cuda_graph.take_own_stream", lambda: streams.append(len(made)))
    one, other = (network.load_by_size(NetworkSettings()) for _ in range(2))
    for load in (one, one, other):
        assert load(640, 480) is load(640, 480)
    one(384, 240)
    assert made == [(640, 480), (640, 480), (384, 240)]
    assert streams == [0, 1, 1, 1, 1, 2, 2]  # before any of it


@needs_gpu
def test_on_a_gpu_each_stream_makes_the_frames_that_it_makes_alone(clips, tmp_path, monkeypatch):
    """What is handed to the encoder is compared."""
    from vcam.offline import video

    made, original = {}, video.encode

    def encode(source, beside, target, step, frames):
        def noted():
            for time, safe in frames:
                made.setdefault(target, []).append(safe.pixels.copy())
                yield time, safe

        return original(source, beside, target, step, noted())

    monkeypatch.setattr(video, "encode", encode)

    def load():
        return network.load_by_size(NetworkSettings(device="cuda"))

    for folder, at_once in (("alone", 1), ("together", 3)):
        assert not any(job.trouble for job in blurred(clips, tmp_path / folder, at_once, load).values())
    for clip in clips:
        alone, together = (made[tmp_path / name / f"{clip.stem}.blurred.mkv"] for name in ("alone", "together"))
        for one, other in zip(alone, together, strict=True):
            difference = np.abs(one.astype(int) - other)
            assert np.quantile(difference, 0.9999) <= 2  # each graph chooses its own kernels
            assert difference.mean() < 0.1


def test_the_command_tells_of_each_file_and_how_quick_it_was(clips, tmp_path):
    result = segblur("video", clips[0], clips[2], "-o", tmp_path / "out", "--at-once", 2)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert sorted(lines[:2]) == [
        f"{tmp_path / 'out' / 'one.blurred.mkv'}: {FRAMES} frames",
        f"{tmp_path / 'out' / 'three.blurred.mkv'}: {FRAMES // 2} frames",
    ]
    assert re.fullmatch(rf"2 files, {FRAMES * 3 // 2} frames in [\d.]+ s: [\d.]+ frames a second", lines[2])
    result = segblur("video", tmp_path / "no.mp4", clips[2], "-o", tmp_path / "out")
    assert result.returncode == 1
    assert re.match(r".*no.mp4 can't be read as a video.*\nsegblur: 1 of 2 videos could not be blurred", result.stderr)
    assert f"1 file, {FRAMES // 2} frames in" in result.stdout
    one_sentence(segblur("video", clips[0], "-o", tmp_path, "--at-once", 0), 78, "--at-once must be from 1 to")


def test_the_command_does_without_torch(clips, tmp_path):
    code = (
        "import sys; from vcam.__main__ import main; "
        f"sys.argv = ['segblur', 'video', {str(clips[2])!r}, '-o', {str(tmp_path)!r}]; "
        "code = main(); print(code, 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "0 False"


def test_a_video_can_be_behind_each_of_them(clips, tmp_path):
    look = LookSettings(video=clips[2], effect="video")
    for folder, at_once in (("alone", 1), ("together", 2)):
        blurred(clips[:2], tmp_path / folder, at_once, always(Box()), look)
    for clip in clips[:2]:
        alone, together = (
            frames_of(tmp_path / folder / f"{clip.stem}.blurred.mkv") for folder in ("alone", "together")
        )
        assert np.array_equal(alone, together)
