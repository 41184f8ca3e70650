"""What a pipeline reports while a network fails."""

from contextlib import nullcontext

from tests.helpers.faulty_worker import Box
from vcam.frame import empty
from vcam.pipeline.pipeline import Pipeline
from vcam.settings import Settings


class Failing(Box):
    """Fails at every other picture, each time for another reason."""

    def __init__(self):
        self.asked = 0

    def __call__(self, picture, previous=None):
        self.asked += 1
        if self.asked % 2:
            raise ValueError(f"bad value {self.asked}")
        return super().__call__(picture, previous)


def test_a_network_that_fails_again_and_again_is_reported_once_a_minute(sample):
    reports, network = [], Failing()
    pipeline = Pipeline(reports.append, lambda stage: nullcontext())
    good = []
    for frame in sample[:6]:
        pipeline(frame, network, Settings(), empty(*frame.size))
        good.append(pipeline.good)
    assert good == [False, True] * 3
    assert reports == ["the network failed (ValueError: bad value 1); the whole picture is blurred"]
