"""The frame loop, with every stage failing in turn: in no case does a raw frame leave."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.faulty_worker import Box, paint_secret, secret_of
from vcam.devices.v4l2 import Device
from vcam.errors import CameraLostError
from vcam.frame import SafeFrame, empty, planes
from vcam.media.raw_frame import RawFrame
from vcam.pipeline import framing, pipeline
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.pipeline.hot_swap import Networks
from vcam.service import worker
from vcam.service.frame_slots import DisconnectedError
from vcam.settings import CameraSettings, FramingSettings, LookSettings, Settings


class Keeper:
    """The other end of the link: takes so many frames, then is gone."""

    def __init__(self, count, settings=None):
        self.count, self.sent, self.said, self.told, self.trees = count, [], [], [], settings or [Settings()]
        self.wanted, self.revision = True, 0

    @property
    def settings(self):
        return self.trees[min(len(self.sent), len(self.trees) - 1)]

    @contextmanager
    def slot(self):
        yield empty(640, 480)

    def send(self, frame, captured, revision):
        assert isinstance(frame, SafeFrame)
        self.sent.append(frame)
        if len(self.sent) == self.count:
            raise DisconnectedError("gone")

    def say(self, sentence, patience=0.0):
        self.said += [sentence] if sentence or not patience else []

    def tell(self, facts):
        self.told.append(facts)

    def listen(self, timeout):
        if len(self.said) > 3:
            raise DisconnectedError("gone")


class Webcam:
    """The sample with the secret; raises what it is told to after so many frames."""

    device, about = Device(Path("/dev/video0"), "Webcam"), {"name": "Webcam"}

    def __init__(self, sample, trouble=None, after=3):
        self.sample, self.trouble, self.after, self.sequence = sample, trouble, after, 0

    def read(self):
        self.sequence += 1
        if self.trouble and self.sequence > self.after:
            raise self.trouble
        pixels = self.sample[self.sequence % len(self.sample)].pixels.copy()
        paint_secret(planes(pixels)[0])
        return RawFrame(pixels, self.sequence, 0.0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def networks():
    return Networks(Settings().network, lambda request: Box(), lambda facts: None)


def shows_the_room(frames):
    return any(secret_of(planes(frame.pixels)[0]) > 0.02 for frame in frames)


def test_every_frame_of_a_good_stream_is_composed_by_its_own_mask(sample):
    keeper = Keeper(12)
    with pytest.raises(DisconnectedError):
        worker.stream(Webcam(sample), networks(), keeper)
    assert len(keeper.sent) == 12
    assert not shows_the_room(keeper.sent)


@pytest.mark.parametrize("people", ["all", "nearest"])
def test_a_part_of_the_picture_shows_nothing_that_all_of_it_does_not(sample, people):
    corner = FramingSettings(mirror=True, crop="fixed", zoom=2.0, x=1.0, y=0.0, people=people)
    keeper = Keeper(5, [Settings(framing=corner, look=LookSettings(blur=0.2))])
    with pytest.raises(DisconnectedError):
        worker.stream(Webcam(sample), networks(), keeper)
    raw = framing.cut_frame(Webcam(sample).read().pixels, framing.Box(0.75, 0.25, 0.5), mirror=True)
    assert secret_of(planes(raw)[0][::2, ::2]) > 0.5
    for frame in keeper.sent:
        assert secret_of(planes(frame.pixels)[0][::2, ::2]) < 0.02
        assert np.abs(np.diff(planes(frame.pixels)[0][:, :200].astype(int), axis=1)).max() < 12


@pytest.mark.parametrize(
    "module_and_stage",
    ["masks.mask.small_rgb", "masks.mask.check", "masks.mask.find_mask"],
)
def test_an_exception_on_the_way_to_the_mask_blurs_the_whole_frame(sample, monkeypatch, module_and_stage):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(f"vcam.{module_and_stage}", broken)
    keeper = Keeper(5)
    with pytest.raises(DisconnectedError):
        worker.stream(Webcam(sample), networks(), keeper)
    assert not shows_the_room(keeper.sent)
    for frame in keeper.sent:
        luma = planes(frame.pixels)[0].astype(int)
        assert np.abs(np.diff(luma, axis=1)).max() < 12  # no edge of the man is left


@pytest.mark.parametrize(
    "stage",
    [
        *("blur.low_resolution", "blur.background_weight", "blur.blurred", "blur.fill"),
        *("compositor.cut_out", "compositor.lay", "compositor.seal"),
    ],
)
def test_an_exception_in_the_compositor_lets_nothing_leave(sample, monkeypatch, stage):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(f"vcam.effects.{stage}", broken)
    keeper = Keeper(5)
    with pytest.raises(ZeroDivisionError):
        worker.stream(Webcam(sample), networks(), keeper)
    assert keeper.sent == []


def test_a_mask_that_comes_for_another_frame_lets_nothing_leave(sample, monkeypatch):
    right = pipeline.mask_or_none
    old = []

    def late(frame, segment, complain, last):
        old.append(right(frame, segment, complain, last))
        return old[-2] if len(old) > 1 else old[0]

    monkeypatch.setattr(pipeline, "mask_or_none", late)
    keeper = Keeper(5)
    with pytest.raises(ValueError, match="can't serve frame"):
        worker.stream(Webcam(sample), networks(), keeper)
    assert len(keeper.sent) == 1


def test_settings_that_change_in_mid_frame_count_from_the_next_frame_on(sample):
    weak, strong = (Settings(look=LookSettings(blur=blur)) for blur in (0.2, 1.0))

    class Fickle(Keeper):
        """Its settings are others each time they are read."""

        reads = 0

        @property
        def settings(self):
            self.reads += 1
            return (weak, strong)[self.reads % 2]

    keeper = Fickle(20)
    with pytest.raises(DisconnectedError):
        worker.stream(Webcam(sample), networks(), keeper)
    assert keeper.reads == 21  # one at the start of the stream, and one for each frame
    assert not shows_the_room(keeper.sent)


def test_once_another_webcam_is_asked_for_no_frame_of_this_one_is_sent(sample):
    other = Settings(camera=CameraSettings(device="/dev/video7"))

    class Asked(Keeper):
        def slot(self):
            self.trees = [Settings(), Settings(), other]
            return super().slot()

    keeper = Asked(100)
    worker.stream(Webcam(sample), networks(), keeper)
    assert len(keeper.sent) == 2


def test_a_webcam_that_takes_long_to_open_is_announced_so_that_the_worker_is_not_taken_for_hung(sample):
    class Waited(Keeper):
        def say(self, sentence, patience=0.0):
            asked.append(patience)

    asked, opened = [], []

    def open_camera(camera, output, known):
        opened.append(list(asked))
        return Webcam(sample)

    with pytest.raises(DisconnectedError):
        worker.work(Waited(1), networks(), open_camera)
    assert opened == [[worker.OPENING]]


def test_a_lost_webcam_is_told_and_opened_again(sample):
    opened = []

    def open_camera(camera, output, known):
        opened.append(1)
        return Webcam(sample, CameraLostError("the webcam /dev/video0 is unplugged"))

    keeper = Keeper(1000)
    with pytest.raises(DisconnectedError):
        worker.work(keeper, networks(), open_camera)
    assert len(opened) == 4
    assert set(keeper.said) == {"the webcam /dev/video0 is unplugged"}
    assert len(keeper.sent) == 12


def test_a_webcam_that_can_not_be_opened_is_told_too():
    def open_camera(camera, output, known):
        raise CameraLostError("there is no webcam; plug one in")

    keeper = Keeper(1)
    with pytest.raises(DisconnectedError):
        worker.work(keeper, networks(), open_camera)
    assert keeper.said == ["there is no webcam; plug one in"] * 4


def test_a_frame_for_which_there_is_no_slot_is_dropped(sample):
    class Busy(Keeper):
        asked = 0

        @contextmanager
        def slot(self):
            self.asked += 1
            yield None if self.asked % 2 else empty(640, 480)

    keeper, webcam = Busy(5), Webcam(sample)
    with pytest.raises(DisconnectedError):
        worker.stream(webcam, networks(), keeper)
    assert webcam.sequence == 10


class Introduced(WatchedNetwork):
    """A network that has something to tell of itself."""

    def __init__(self, name):
        self.about = {"weights": name}


def test_a_network_that_comes_while_there_are_no_readers_is_reported_once():
    keeper, wishes = Keeper(0), iter(["new.safetensors"])
    keeper.wanted, current = False, [Introduced("shipped")]

    class Swapped:
        def current(self):
            return current[0]

        def request(self, _):
            current[0] = next((Introduced(name) for name in wishes), current[0])

    with pytest.raises(DisconnectedError):
        worker.idle(keeper, Swapped())
    assert keeper.told == [{"network": {"weights": "new.safetensors"}}]


def test_the_webcam_that_was_lost_is_the_one_waited_for_until_another_is_chosen(sample):
    first, second = (Settings(camera={"device": name}) for name in ("/dev/video0", "/dev/video2"))
    keeper, waited = Keeper(1000, [first] * 6 + [second] * 1000), []

    def open_camera(camera, output, known):
        waited.append((camera.device, known))
        return Webcam(sample, CameraLostError("unplugged"))

    with pytest.raises(DisconnectedError):
        worker.work(keeper, networks(), open_camera)
    assert waited[:3] == [("/dev/video0", None), ("/dev/video0", Webcam.device), ("/dev/video2", None)]
