"""A segmenter without a network."""

import numpy as np

SIZE = (48, 32)


class Fake:
    """Segments without a network: `answer(picture, previous)` is the mask."""

    def __init__(self, answer):
        self.answer = answer

    def size_for(self, width, height):
        return SIZE

    def __call__(self, picture, previous=None):
        assert picture.shape == (*SIZE[::-1], 3)
        return np.asarray(self.answer(picture, previous), np.float32)


class Known:
    """A network that knows the answer."""

    def __init__(self, answer):
        self.answer = answer

    def size_for(self, width, height):
        return self.answer.shape[::-1]

    def __call__(self, picture, previous=None):
        return self.answer


def by_brightness(picture, previous):
    """In 255ths, so that an 8-bit file holds it exactly."""
    return picture.max(axis=2).astype(np.float32) / 255
