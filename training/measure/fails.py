"""Where a network fails, shown on frames of the bundled sample, degraded as rooms and webcams degrade pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segnet.inference import load_segmenter
from training.data.pictures import Mask, Pixels
from training.errors import DataError
from training.measure.metrics import Confusion
from training.measure.predictions import Segments, enlarge, shrink
from training.measure.sheets import SIDE, grey, sheet

SAMPLE = Path(__file__).parent.parent.parent / "vcam" / "sample" / "signing.mkv"
FRAME = 24  # of the sample: a finger raised
FRAMES = 8  # of each case, each with noise of its own and the mask before it, as in the service
ROOM = (40, 70, 110)  # RGB that stands where the picture would be blurred

Move = Callable[[Pixels], Pixels]  # picture (H, W, 3) or plane (H, W), uint8 → the same, changed


@dataclass(frozen=True)
class Case:
    """One way in which a picture may be hard."""

    words: str
    change: Move
    noise: Callable[[Pixels, np.random.Generator], Pixels] = lambda picture, _: picture  # anew in every frame
    expected: Move | None = None  # what becomes of the mask; default: what becomes of the picture

    def mask(self, plane: Mask) -> Mask:
        """The expected mask of the degraded picture, bool (H, W)."""
        moved: Mask = (self.expected or self.change)(plane.astype(np.uint8) * 255) > 127
        return moved


def run_fails(weights: Path, target: Path, sample: Path = SAMPLE) -> str:
    """Write `target`, a sheet of what the weights make of a degraded frame of `sample`; returns a summary. Raises
    DataError, WeightsError.
    """
    segmenter = load_segmenter(weights, engine="torch", device="cpu")
    frame = read_frame(sample, FRAME)
    person = settled(segmenter, frame, CASES[0])[1] > 0.5
    strips = []
    for case in CASES:
        picture, mask = settled(segmenter, frame, case)
        strips.append((tiles(picture, mask), f"{case.words}   {judged(mask > 0.5, case.mask(person))}"))
    title = (
        f"{weights.name} on a frame of {sample.name}, degraded; IoU with the mask of the original frame, moved alike"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet(strips, title, ("picture", "mask", "what stays sharp"), [(ROOM, "would be blurred")]).save(target, quality=90)
    return f"{target}: {len(strips)} cases"


def read_frame(path: Path, number: int) -> Pixels:
    """Frame `number` of a video, uint8 (H, W, 3) RGB. Raises DataError."""
    video = cv2.VideoCapture(str(path))
    for _ in range(number + 1):
        there, frame = video.read()
        if not there:
            raise DataError(f"{path} is not a video of {number + 1} frames that can be read")
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))


def settled(segmenter: Segments, frame: Pixels, case: Case) -> tuple[Pixels, Mask]:
    """The last of FRAMES pictures, in which nothing but the noise moves, and its soft mask, float32 (H, W)."""
    rng = np.random.default_rng(0)
    changed = case.change(frame)
    mask: Mask | None = None
    for _ in range(FRAMES):
        picture = case.noise(changed, rng)
        mask = segmenter(shrink(segmenter, picture), mask)
    assert mask is not None
    return picture, enlarge(mask, picture.shape)


def tiles(picture: Pixels, mask: Mask) -> list[Pixels]:
    """Picture, mask and what would stay sharp, uint8 RGB, SIDE wide."""
    sharp = picture * mask[..., None] + np.array(ROOM, np.float32) * (1 - mask[..., None])
    planes = [picture, grey(np.rint(255 * mask).astype(np.uint8)), np.rint(sharp).astype(np.uint8)]
    size = (SIDE, round(SIDE * picture.shape[0] / picture.shape[1]))
    return [np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA)) for plane in planes]


def judged(predicted: Mask, expected: Mask) -> str:
    """The figure below a case; both bool (H, W)."""
    if not expected.any():
        return f"nobody is there, {predicted.mean():.1%} would be shown"
    counts = Confusion()
    counts.add(predicted, expected)
    return f"IoU {counts.iou:.2f}"


def dark(frame: Pixels, rng: np.random.Generator) -> Pixels:
    """Shot noise of 40 photons a pixel at white, amplified by the webcam's gain, and coarse chroma noise."""
    photons = rng.poisson(40 * (frame / 255.0) ** 2.2)
    coarse = cv2.resize(rng.normal(0, 12, (frame.shape[0] // 4, frame.shape[1] // 4, 3)), frame.shape[1::-1])
    return np.clip(255 * (0.25 * photons / 40) ** (1 / 2.2) + coarse, 0, 255).astype(np.uint8)


def noisy(frame: Pixels, rng: np.random.Generator) -> Pixels:
    """Gaussian noise of 40 grey levels."""
    return np.clip(frame + rng.normal(0, 40, frame.shape), 0, 255).astype(np.uint8)


def glaring(plane: Pixels) -> Pixels:
    """Backlight: highlights clip to white, shadows to black."""
    return np.asarray(np.clip((plane.astype(np.float32) - 90) * 2.6, 0, 255), np.uint8)


def shaken(plane: Pixels) -> Pixels:
    """The camera moves sideways by 60 pixels during the exposure."""
    return np.asarray(cv2.blur(plane, (61, 1)))


def part(left: int, top: int, width: int) -> Move:
    """A part of the picture, 4:3, from (left, top)."""
    return lambda plane: np.ascontiguousarray(plane[top : top + width * 3 // 4, left : left + width])


def far(plane: Pixels) -> Pixels:
    """The person at a quarter of the size, the room extended to the sides and above."""
    height, width = plane.shape[:2]
    small = cv2.resize(plane, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    left = (width - width // 4) // 2
    edges = (height - height // 4, 0, left, width - width // 4 - left)
    return np.asarray(cv2.copyMakeBorder(small, *edges, cv2.BORDER_REPLICATE))


def turned(plane: Pixels) -> Pixels:
    """The webcam lies on its side."""
    return np.ascontiguousarray(np.rot90(plane))


def poster(frame: Pixels) -> Pixels:
    """A poster of the same person on the wall."""
    page = frame.copy()
    page[100:316, 500:600] = cv2.resize(frame[60:480, 190:384], (100, 216), interpolation=cv2.INTER_AREA)
    return page


def bars(frame: Pixels) -> Pixels:
    """A webcam's colour bars."""
    row = np.array([[192 * (n >> 1 & 1), 192 * (n >> 2 & 1), 192 * (n & 1)] for n in range(7, 0, -1)], np.uint8)
    return np.asarray(cv2.resize(row[None], frame.shape[1::-1], interpolation=cv2.INTER_NEAREST))


def same(plane: Pixels) -> Pixels:
    """Nothing changed."""
    return plane


def nobody(plane: Pixels) -> Pixels:
    """An empty mask."""
    return np.zeros_like(plane)


CASES = (
    Case("as it is", same),
    Case("dark", same, dark),
    Case("noise of 40 grey levels", same, noisy),
    Case("against the light", glaring, expected=same),
    Case("camera shaken", shaken, expected=same),
    Case("half out of the picture", part(280, 30, 360)),
    Case("very near", part(215, 50, 160)),
    Case("far away", far),
    Case("webcam on its side", turned),
    Case("his picture on the wall", poster, expected=same),
    Case("the room alone", part(420, 0, 220)),
    Case("test picture", bars, expected=nobody),
)
