"""The figures of one version of the path, in a process that imports that version: python -m tests.judge.measure
DATA OUT PICTURES. Writes OUT/figures.json and, of each clip of DATA/clips, a frame as it was filmed and as it
is shown.

All goes in at one end and comes out at the other, as in the service: frames as I420, the network, `find_mask`,
`compose`. How much of the person is in each pixel of the result is not asked of anybody inside, but seen: the same
frame before black and before white.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tests.judge.scenes import Colours, Composite, Plane, Scene, composites, distance, photographs, ring, to_i420, walk
from training.data.pairs import find_pairs
from training.measure.metrics import Confusion, boundary_band, boundary_width
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.frame import I420, planes, size_of
from vcam.masks.mask import FrameMask, Segment, mask_or_none
from vcam.media.films import VideoFile
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import to_bgr

STRENGTH = 0.5
FINE = 0.005  # of the diagonal: the narrower band of a boundary IoU, 7 pixels at 1280×720
COPIES, SETTLED = 7, 3  # of a still picture, and the last steps between them, that count
GREYS = 4  # before which a still frame is seen: rounding to 8 bits would tremble as much as the mask
NOISE = 4.0  # standard deviation of their noise, in grey levels
LIKE = 12  # grey levels by which a pixel may differ from where it came from, for its motion to be believed
CLIP_FRAMES = 24  # of each clip
SHOWN = 40  # number of the frame of a clip that is shown
Figures = dict[str, float]


class Plain:
    """An effect: one grey everywhere."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See vcam.effects.blur.Effect."""
        return np.full_like(pixels, self.value)


class Way:
    """The path with its memory: frames of one scene after the other."""

    def __init__(self, segment: Segment) -> None:
        self.segment, self.mask, self.number = segment, None, 0

    def frame(self, pixels: I420) -> tuple[RawFrame, FrameMask | None]:
        """The next one, and its mask."""
        self.number += 1
        frame = RawFrame(pixels, self.number, captured=0.0)
        self.mask = mask_or_none(frame, self.segment, lambda reason: None, last=self.mask)
        return frame, self.mask

    def alpha(self, pixels: I420, greys: int = 1) -> Plane:
        """How much of the next frame is kept; see alpha_of."""
        return alpha_of(*self.frame(pixels), greys)


def alpha_of(frame: RawFrame, mask: FrameMask | None, greys: int = 1) -> Plane:
    """How much of each pixel of the frame is seen in the result, float32 (H, W), 0 to 1: before black and white, or, to
    see more than 8 bits tell, before so many greys near them.
    """
    total = np.zeros(planes(frame.pixels)[0].shape, np.float32)
    for grey in range(greys):
        lit, dark = (planes(compose(frame, mask, Plain(v)).pixels)[0].astype(np.float32) for v in (255 - grey, grey))
        total += 1 - (lit - dark) / (255 - 2 * grey)
    return np.clip(total / greys, 0, 1)


class Mean:
    """A mean over all pixels that are named, whatever the picture."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, values: NDArray[Any], where: NDArray[Any]) -> None:
        """Values (H, W) where the bool (H, W) says so."""
        self.total += float(values[where].sum(dtype=np.float64))
        self.count += int(where.sum())

    def value(self, digits: int = 4) -> float:
        """Rounded; 0 for nothing."""
        return round(self.total / max(1, self.count), digits)


def boundary(segment: Segment, scenes: Iterable[Scene]) -> Figures:
    """How well the contour fits: boundary IoU in the band of 2 % of the diagonal and of FINE; mean |share − truth| near
    the contour; and how wide the soft edge is, in pixels.
    """
    wide, fine, error, soft, length = Confusion(), Confusion(), Mean(), 0, 0
    for scene in scenes:
        alpha = Way(segment).alpha(scene.pixels)
        found, truth = alpha > 0.5, scene.truth > 0.5
        width = boundary_width(truth.shape)
        for confusion, reach in ((wide, width), (fine, max(1, round(width * FINE / 0.02)))):
            confusion.add(boundary_band(found, reach), boundary_band(truth, reach))
        error.add(np.abs(alpha - scene.truth), np.abs(distance(scene.truth)) <= ring(truth.shape))
        near = np.abs(distance(alpha)) <= ring(truth.shape)
        soft += int((near & (alpha > 0.1) & (alpha < 0.9)).sum())
        length += int(boundary_band(found, 1).sum())
    return {
        "boundary IoU, 2 %": round(wide.iou, 4),
        "boundary IoU, 0.5 %": round(fine.iou, 4),
        "edge error": error.value(),
        "edge width": round(soft / max(1, length), 2),
    }


def halo(mask_of: Callable[[RawFrame, Composite], FrameMask | None], scenes: Iterable[Composite]) -> Figures:
    """Colour difference (CIE 1976 ΔE) between the result and what it should be, share · person + (1 − share) · blur of
    the room alone, just outside of the contour, just inside, and in the rest of the background; and how much of the
    frame is seen outside, and how much of it is missing inside, more than the truth has it.
    """
    means = {name: Mean() for name in ("outside", "inside", "elsewhere", "shown", "missing")}
    rng = np.random.default_rng(0)
    for composite in scenes:
        scene, person = composite.scene(rng)
        frame = RawFrame(scene.pixels, 1, captured=0.0)
        mask = mask_of(frame, composite)
        shown = to_bgr(compose(frame, mask, Blur(STRENGTH)).pixels)
        off = difference(shown.astype(np.float32), ideal(composite, person))
        alpha, rings = alpha_of(frame, mask), rings_of(composite.share)
        for name, where in rings.items():
            means[name].add(off, where)
        means["shown"].add(np.maximum(alpha - composite.share, 0), rings["outside"])
        means["missing"].add(np.maximum(composite.share - alpha, 0), rings["inside"])
    return {name: mean.value(3) for name, mean in means.items()}


def rings_of(share: Plane) -> dict[str, NDArray[Any]]:
    """Just outside of the contour, just inside, and the rest of the background: bool (H, W) each."""
    far, near = distance(share), ring(share.shape)
    return {"outside": (far > 0) & (far <= near), "inside": (far < 0) & (far >= -near), "elsewhere": far > near}


def unknown(scenes: Iterable[Composite]) -> Figures:
    """The same colour difference of the best picture that is possible without knowing the room behind the person: with
    the true share, and the blur of what is seen of the room.
    """
    means = {name: Mean() for name in ("outside", "inside", "elsewhere")}
    for composite in scenes:
        seen = to_bgr(Blur(STRENGTH)(to_i420(composite.room), composite.share)).astype(np.float32)
        off = difference(in_front(composite.share, composite.person, seen), ideal(composite, composite.person))
        for name, where in rings_of(composite.share).items():
            means[name].add(off, where)
    return {name: mean.value(3) for name, mean in means.items()}


def ideal(composite: Composite, person: Colours) -> Colours:
    """What should be shown: the person, before the room alone, blurred."""
    room = to_bgr(Blur(STRENGTH)(to_i420(composite.room), None)).astype(np.float32)
    return in_front(composite.share, person, room)


def in_front(share: Plane, person: Colours, behind: Colours) -> Colours:
    """The person before a picture, with colour at half the size, as all frames have it."""
    share = share[..., None]
    return to_bgr(to_i420(share * person + (1 - share) * behind)).astype(np.float32)


def difference(one: Colours, other: Colours) -> Plane:
    """CIE 1976 ΔE of two pictures, float32 (H, W); 2.3 can just be seen."""
    lab = [cv2.cvtColor(np.clip(bgr, 0, 255).astype(np.float32) / 255, cv2.COLOR_BGR2Lab) for bgr in (one, other)]
    return np.linalg.norm(lab[0] - lab[1], axis=2)


def by_network(segment: Segment) -> Callable[[RawFrame, Composite], FrameMask | None]:
    """The network's masks."""
    return lambda frame, _: mask_or_none(frame, segment, lambda reason: None)


def by_truth(segment: Segment) -> Callable[[RawFrame, Composite], FrameMask]:
    """The true masks, at the network's size: what is wrong then is not the network's fault."""

    def mask(frame: RawFrame, composite: Composite) -> FrameMask:
        size = segment.size_for(*size_of(frame.pixels))
        return FrameMask(np.asarray(cv2.resize(composite.share, size, interpolation=cv2.INTER_AREA)), frame.sequence)

    return mask


def still(segment: Segment, scenes: Iterable[Scene]) -> Figures:
    """Mean |change| of the share near the contour from one copy of a still picture to the next, each with noise of its
    own, when there is a past to hold on to.
    """
    trembling = Mean()
    rng = np.random.default_rng(0)
    for scene in scenes:
        way, near = Way(segment), np.abs(distance(scene.truth)) <= ring(scene.truth.shape)
        alphas = [way.alpha(noisy(scene.pixels, rng), GREYS) for _ in range(COPIES)][-SETTLED - 1 :]
        for before, after in pairwise(alphas):
            trembling.add(np.abs(after - before), near)
    return {"still": trembling.value(5)}


def noisy(pixels: I420, rng: np.random.Generator) -> I420:
    """With noise on every plane."""
    return np.clip(np.rint(pixels + rng.normal(0, NOISE, pixels.shape)), 16, 240).astype(np.uint8)


def moving(segment: Segment, people: Iterable[Composite]) -> Figures:
    """People who walk: mean |share − truth| near the contour, which grows where a mask trails behind; and mean
    |change − true change| from frame to frame there (Erofeev et al. 2015, dtSSD, with absolute values).
    """
    error, unsteady = Mean(), Mean()
    rng = np.random.default_rng(0)
    for composite in people:
        way, before = Way(segment), None
        for step in walk(composite):
            alpha = way.alpha(step.scene(rng)[0].pixels)
            near = np.abs(distance(step.share)) <= ring(step.share.shape)
            if before is not None:
                error.add(np.abs(alpha - step.share), near)
                unsteady.add(np.abs((alpha - before[0]) - (step.share - before[1])), near)
            before = (alpha, step.share)
    return {"moving": unsteady.value(), "edge error, moving": error.value()}


def clips(segment: Segment, folder: Path) -> Figures:
    """Real motion: mean |share − share of the same point in the frame before| near the contour, where optical flow
    (DIS, Kroeger et al. 2016) finds that point and it looks the same.
    """
    unsteady = Mean()
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    for file in sorted(folder.glob("*.mkv")):
        way, before = Way(segment), None
        for pixels in frames(file, CLIP_FRAMES):
            luma, alpha = planes(pixels)[0], way.alpha(pixels)
            if before is not None:
                flow = flow_of.calc(luma, before[0], None)
                same, moved = (warped(plane, flow) for plane in before)
                believed = np.abs(same.astype(np.float32) - luma) < LIKE
                near = np.abs(distance(alpha)) <= ring(alpha.shape)
                unsteady.add(np.abs(alpha - moved), near & believed)
            before = (luma, alpha)
    return {"clips": unsteady.value()}


def warped(plane: NDArray[Any], flow: NDArray[Any]) -> NDArray[Any]:
    """The plane (H, W), each pixel from where float32 (H, W, 2), x and y, says that it came from."""
    height, width = plane.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(cv2.remap(plane, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR))


def frames(file: Path, count: int) -> Iterator[I420]:
    """The first of a video. Raises PictureError."""
    with VideoFile(file) as video:
        yield from islice(video.frames(), count)


def show(segment: Segment, folder: Path, out: Path) -> None:
    """Of each clip frame SHOWN as OUT/CLIP.filmed.png, CLIP.shown.png, and CLIP.alpha.png: how much of it is kept."""
    for file in sorted(folder.glob("*.mkv")):
        way = Way(segment)
        for pixels in frames(file, SHOWN + 1):
            frame, mask = way.frame(pixels)
        cv2.imwrite(str(out / f"{file.stem}.filmed.png"), to_bgr(pixels))
        cv2.imwrite(str(out / f"{file.stem}.shown.png"), to_bgr(compose(frame, mask, Blur(STRENGTH)).pixels))
        cv2.imwrite(str(out / f"{file.stem}.alpha.png"), np.rint(255 * alpha_of(frame, mask)).astype(np.uint8))


def judge(segment: Segment, data: Path, count: int) -> dict[str, Figures]:
    """All figures, by what they are of. Raises DataError."""
    sets = [folder for folder in sorted((data / "val").iterdir()) if find_pairs(folder)]
    result = {folder.name: boundary(segment, photographs(folder, count)) for folder in tqdm(sets, disable=None)}
    result["halo, the network's mask"] = halo(by_network(segment), composites(data, count))
    result["halo, the true mask"] = halo(by_truth(segment), composites(data, count))
    result["halo, the best possible"] = unknown(composites(data, count))
    few = max(1, count // 3)
    result["flicker"] = still(segment, photographs(data / "val" / "ccp_upper", few))
    result["flicker"] |= moving(segment, composites(data, few)) | clips(segment, data / "clips")
    return result


def main() -> None:
    """The command line above."""
    from vcam.pipeline.network import load_network
    from vcam.settings import NetworkSettings

    cv2.setNumThreads(1)
    data, out, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    segment = load_network(NetworkSettings())
    figures = judge(segment, data, count)
    show(segment, data / "clips", out)
    (out / "figures.json").write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
