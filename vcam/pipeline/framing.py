"""Which part of the webcam's picture is shown: all of it, a fixed part, or one that follows the person; and whether it
is mirrored. Frame and mask are cut alike before anything is put behind the person, so that this is not cut.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects.blur import WEAKEST, blur_sigma
from vcam.frame import I420, empty, planes, size_of
from vcam.masks.mask import FrameMask, scene_cut
from vcam.masks.nearest_person import AWAY, Nearest, keep_nearest
from vcam.masks.pieces import PERSON, SMALLEST
from vcam.media.raw_frame import RawFrame
from vcam.media.turn import UPRIGHT, enlargement
from vcam.settings import FramingSettings, PictureSettings

MOST = 2.0  # times that a picture may be enlarged in all
SMALLEST_PART = 1 / MOST  # share of the picture's sides: what is enlarged more than twice is seen to be soft
SHOULDERS = 0.6  # share of the shown width that the person fills
HEADROOM = 0.1  # share of the shown height above the head
UPPER = 0.6  # share of a person, from the top, that is looked at: not elbows on a desk, nor legs
FELLOW = 0.25  # share of the largest person that another one has who is framed too
STEADY = 0.5  # seconds over which the person's place is averaged
DEAD = 0.08  # share of what is shown by which that may wander before the picture follows
DEAD_SIZE = 0.12  # share of its own size by which what is shown may be too large or too small
PACE = 2.5  # 1/s; after 1.6 seconds nine tenths of a way are gone
LEAP = 0.1  # seconds; after a longer gap between two frames the picture moves on as if it had been this long
REST = 2e-4  # share of the picture; what is nearer than that to where it goes, and as slow, is there


class Box(NamedTuple):
    """A part of the picture, of its shape: where its middle is, in shares of width and height, and how long its sides
    are, as a share of the picture's.
    """

    x: float
    y: float
    size: float


AS_FILMED, UNCORRECTED = FramingSettings(), PictureSettings()
WHOLE, STILL = Box(0.5, 0.5, 1.0), Box(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class View:
    """What is shown of a frame, and what the next frame has to know of it. Times are in seconds."""

    box: Box = WHOLE
    speed: Box = STILL  # of the box, a second
    goal: Box = WHOLE  # where the box is going
    target: Box = WHOLE  # where the person would be framed best, on average of the last moments
    seen: float = -math.inf  # when there was last a person
    time: float = 0.0  # of the frame
    enlarged: float = 1.0  # how many times the picture is, of which this is a part, because it was turned
    nearest: Nearest | None = None
    thumbnail: NDArray[Any] | None = field(default=None, repr=False)  # the mask's


def framed(
    frame: RawFrame,
    mask: FrameMask | None,
    view: View | None,
    settings: FramingSettings,
    on: Literal["background", "person"] = "background",
) -> tuple[RawFrame, FrameMask | None, View]:
    """What is shown of the frame, at the frame's size; its mask; and the view that the next call is given, None being
    the first one's. The mask keeps nothing that it did not keep, and where it is None it stays so. Where nothing is to
    be done, frame and mask are the ones that were given. `on` is look.on: where the person is to be hidden, everybody
    is, because a person who is not in the mask would be shown.
    """
    now = frame.captured
    last = None if view is None or elsewhere(mask, view.thumbnail) else view
    view = View() if last is None else last
    nearest, enlarged = view.nearest, enlargement(frame.size, frame.turn)
    zoom = max(1.0, min(settings.zoom, MOST / enlarged))
    if mask is not None and settings.people == "nearest" and on == "background":
        mask, nearest = keep_nearest(mask, nearest, now)
    if settings.crop == "auto":
        view = follow(view, None if mask is None else best_part(mask.alpha, zoom), zoom, now)
    aims = {"off": WHOLE, "fixed": Box(settings.x, settings.y, 1 / zoom), "auto": view.goal}
    goal = on_grid(aims[settings.crop], *size_of(frame.pixels))
    # What is new is framed at once; from then on everything glides, what the settings change too.
    box, speed = (goal, STILL) if last is None else glide(view.box, view.speed, goal, passed(view, now))
    thumbnail = view.thumbnail if mask is None else mask.thumbnail
    view = replace(
        view, box=box, speed=speed, goal=goal, time=now, enlarged=enlarged, nearest=nearest, thumbnail=thumbnail
    )
    if box == WHOLE and not settings.mirror:
        return frame, mask, view
    if mask is not None:
        alpha = cut_mask(mask.alpha, box, size_of(frame.pixels), settings.mirror)
        mask = replace(mask, alpha=alpha, geometry=(UPRIGHT, mask.geometry, box, settings.mirror))
    pixels = cut_frame(frame.pixels, box, settings.mirror)
    return replace(frame, delivered=pixels, turn=UPRIGHT, cut=(frame.geometry, box, settings.mirror)), mask, view


def least_blur(view: View) -> float:
    """Strength of blur that is to what is shown what the weakest one is to all of the picture: an enlarged room is
    easier to read.
    """
    # The blur is measured in shares of what is shown, and grows evenly with its strength.
    none, most = blur_sigma(0.0), blur_sigma(1.0)
    strength = (blur_sigma(WEAKEST) * view.enlarged / view.box.size - none) / (most - none)
    # In steps, so that a picture that moves does not have its blur changed with every frame.
    return min(math.ceil(20 * strength - 1e-6) / 20, 1.0)


def elsewhere(mask: FrameMask | None, thumbnail: NDArray[Any] | None) -> bool:
    """Whether this is another scene than the one with that thumbnail, as far as is known."""
    if mask is None or mask.thumbnail is None or thumbnail is None:
        return False
    return scene_cut(thumbnail, mask.thumbnail)


def passed(view: View, now: float) -> float:
    """Seconds since the last frame, as far as movements are concerned."""
    return min(max(now - view.time, 0.0), LEAP)


def follow(view: View, found: Box | None, zoom: float, now: float) -> View:
    """The view with a new goal where the person has left the dead zone of the last one. `found` is where they would be
    framed best in this frame, None where there is no person.
    """
    if found is not None:
        first = view.seen == -math.inf
        share = 1.0 if first else 1.0 - math.exp(-passed(view, now) / STEADY)
        target = Box(*(old + share * (new - old) for old, new in zip(view.target, found, strict=True)))
        goal = target if restless(view.goal, target, zoom) else view.goal
        return replace(view, target=target, goal=goal, seen=now)
    return view if now - view.seen <= AWAY else replace(view, target=WHOLE, goal=WHOLE)


def restless(goal: Box, target: Box, zoom: float) -> bool:
    """Whether the target is outside of the goal's dead zone, or the goal is not allowed any more."""
    off = max(abs(target.x - goal.x), abs(target.y - goal.y))
    return off > DEAD * goal.size or abs(target.size - goal.size) > DEAD_SIZE * goal.size or goal.size * zoom < 0.99


def best_part(alpha: NDArray[Any], zoom: float) -> Box | None:
    """The part of the picture with the head and shoulders of all who are there, enlarged `zoom` times at most; None
    where there is no person. float32 (h, w), 0 to 1.
    """
    person = np.ascontiguousarray(alpha[::2, ::2] > PERSON).view(np.uint8)  # half of the lines say the same
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(person, ltype=cv2.CV_16U)
    area = stats[1:, cv2.CC_STAT_AREA]
    if not len(area) or area.max() < SMALLEST * person.size:
        return None
    somebody = np.concatenate([[False], area >= FELLOW * area.max()])[pieces]
    height, width = person.shape
    top, bottom = inner(somebody.sum(axis=1), 0.005)
    upper = somebody[int(top) : math.ceil(top + UPPER * (bottom - top))]
    left, right = inner(upper.sum(axis=0), 0.02)
    size = min(max((right - left) / width / SHOULDERS, 1 / zoom), 1.0)
    return inside(Box((left + right) / 2 / width, top / height + (0.5 - HEADROOM) * size, size))


def inner(counts: NDArray[Any], share: float) -> tuple[float, float]:
    """From where to where all that is counted lies, but for a share at either end: a hand, a lock of hair."""
    sums = np.cumsum(counts)
    first, last = np.searchsorted(sums, [share * sums[-1], (1 - share) * sums[-1]])
    return float(first), float(last + 1)


def inside(box: Box) -> Box:
    """The box, moved to lie within the picture, and enlarging it no more than is ever allowed."""
    size = min(max(box.size, SMALLEST_PART), 1.0)
    x, y = (min(max(at, size / 2), 1 - size / 2) for at in box[:2])
    return Box(x, y, size)


def on_grid(box: Box, width: int, height: int) -> Box:
    """The nearest box within the picture that begins and ends with whole pixels of colour, where nothing is lost by
    shifting it by parts of them.
    """
    box = inside(box._replace(size=min(2 * round(box.size * width / 2) / width, 1.0)))
    left, top, columns, lines = pixels_of(box, width, height)
    return Box((2 * round(left / 2) + columns / 2) / width, (2 * round(top / 2) + lines / 2) / height, box.size)


def pixels_of(box: Box, width: int, height: int) -> tuple[float, float, int, int]:
    """The box in a picture of this size: left, top, number of columns, of lines; the latter two even."""
    columns, lines = (min(2 * round(box.size * side / 2), side) for side in (width, height))
    left, top = box.x * width - columns / 2, box.y * height - lines / 2
    return min(max(left, 0.0), width - columns), min(max(top, 0.0), height - lines), columns, lines


def glide(box: Box, speed: Box, goal: Box, seconds: float) -> tuple[Box, Box]:
    """Place and speed of the box some time later, drawn to its goal by a critically damped spring (x″ = −2 PACE x′ −
    PACE² x, solved exactly): it starts gently and swings past nothing.
    """
    fade = math.exp(-PACE * seconds)
    way = [at - to for at, to in zip(box, goal, strict=True)]
    push = [fast + PACE * far for fast, far in zip(speed, way, strict=True)]
    later = [(far + strong * seconds) * fade for far, strong in zip(way, push, strict=True)]
    faster = [(fast - PACE * strong * seconds) * fade for fast, strong in zip(speed, push, strict=True)]
    if max(map(abs, later)) < REST and max(map(abs, faster)) < PACE * REST:
        return goal, STILL
    return inside(Box(*(to + far for to, far in zip(goal, later, strict=True)))), Box(*faster)


def cut_frame(pixels: I420, box: Box, mirror: bool) -> I420:
    """The box of an I420 picture, at the picture's size; `mirror` swaps left and right."""
    width, height = size_of(pixels)
    left, top, columns, lines = pixels_of(box, width, height)
    result = empty(width, height)
    for plane, target, coarse in zip(planes(pixels), planes(result), (1, 2, 2), strict=True):
        part = cut_plane(plane, left / coarse, top / coarse, columns // coarse, lines // coarse)
        part = cv2.flip(part, 1) if mirror else part
        cv2.resize(part, target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return result


def cut_plane(plane: NDArray[Any], left: float, top: float, columns: int, lines: int) -> NDArray[Any]:
    """A part of a plane that need not begin at whole pixels: a slow movement would be seen to jump from one to the
    next.
    """
    x, y = round(left), round(top)
    if abs(left - x) < 1e-3 and abs(top - y) < 1e-3:
        return plane[y : y + lines, x : x + columns]
    return np.asarray(cv2.getRectSubPix(plane, (columns, lines), (left + (columns - 1) / 2, top + (lines - 1) / 2)))


def cut_mask(alpha: NDArray[Any], box: Box, size: tuple[int, int], mirror: bool) -> NDArray[Any]:
    """The same box of the mask of a frame of `size` (width, height), at the mask's size."""
    left, top, columns, lines = pixels_of(box, *size)
    height, width = alpha.shape
    # From the middle of a pixel in what is shown to the middle of one in the mask.
    across, down = columns / size[0], lines / size[1]
    begin = left / size[0] * width + across / 2 - 0.5
    way = np.array([[across, 0.0, begin], [0.0, down, top / size[1] * height + down / 2 - 0.5]])
    if mirror:
        way[0] = [-across, 0.0, begin + across * (width - 1)]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(alpha, way, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE))
