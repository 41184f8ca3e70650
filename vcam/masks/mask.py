"""The mask of one frame, checked before anything is composed by it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import size_of
from vcam.masks.pieces import without_specks
from vcam.media.raw_frame import RawFrame
from vcam.media.turn import UPRIGHT
from vcam.media.yuv import small_rgb

LOW, HIGH = 0.3, 0.65  # below: background, above: person, between: a soft edge
MOST = 0.9  # share of the picture that a person may cover; more must look like a face that fills the picture
CLEAR = 0.1  # share of the picture about which the network may then be undecided
SURE = 0.01  # share of the picture that it must then be sure to be room: the failure to refuse sees none
# Share of the picture that may be neither; more is taken for a failure. A network that is in this much doubt is so of a
# room no less than of hands held before the face, and noise, or a slope from 0 to 1, is in little more.
UNDECIDED = 0.3
HOLE = 0.005  # share of the picture that a hole may cover to be filled; of its middle, that a face may leave out
FILLS = 8  # areas of background that are told one by one; of more, as noise has, all at once
FLAT = 0.01  # a mask that varies less than this over the picture says nothing
CUT = 24  # mean change of a thumbnail, in grey levels, from which the frame before says nothing of this one
THUMBNAIL = (32, 18)


class MaskError(Exception):
    """The network did not give a mask that can be trusted; the text says why."""


class Segment(Protocol):
    """What finds people: a network, or in tests anything."""

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of this size is to be brought to."""
        ...

    def __call__(self, picture: NDArray[Any], previous: NDArray[Any] | None) -> NDArray[Any]:
        """uint8 (H, W, 3) RGB of that size, and the answer to the frame before, if it helps → float32 (H, W), 0 to 1,
        1 = person. May raise anything.
        """
        ...


@dataclass(frozen=True)
class FrameMask:
    """How much of each pixel of the frame `sequence`, with this `geometry`, to keep; float32 (h, w), 0 to 1, at the
    network's size. The rest is what the next frame may be told of this one.
    """

    alpha: NDArray[Any] = field(repr=False)
    sequence: int
    geometry: tuple[object, ...] = (UPRIGHT,)  # RawFrame's
    soft: NDArray[Any] | None = field(default=None, repr=False)  # the network's own answer, float32 (h, w)
    thumbnail: NDArray[Any] | None = field(default=None, repr=False)  # uint8 (18, 32, 3) RGB


def find_mask(frame: RawFrame, segment: Segment, last: FrameMask | None = None) -> FrameMask:
    """The mask of this very frame; `last`, that of the frame before, helps to keep it steady. Raises MaskError, and
    whatever the network raises.
    """
    size = segment.size_for(*size_of(frame.pixels))
    picture = small_rgb(frame.pixels, size)
    thumbnail = np.asarray(cv2.resize(picture, THUMBNAIL, interpolation=cv2.INTER_AREA))
    before = remembered(last, size, thumbnail, frame.geometry)
    soft = segment(picture, None if before is None else before.soft)
    mask = check(soft, size, frame.sequence)
    alpha = without_specks(mask.alpha, None if before is None else before.alpha)
    return replace(mask, alpha=alpha, geometry=frame.geometry, soft=soft, thumbnail=thumbnail)


def remembered(
    last: FrameMask | None, size: tuple[int, int], thumbnail: NDArray[Any], geometry: tuple[object, ...]
) -> FrameMask | None:
    """The mask of the frame before, if it tells anything of this one: not at another size, nor after a scene cut, nor
    where the picture was turned in another way.
    """
    if last is None or last.soft is None or last.thumbnail is None or last.soft.shape != size[::-1]:
        return None
    if last.geometry != geometry:
        return None
    return None if scene_cut(last.thumbnail, thumbnail) else last


def scene_cut(before: NDArray[Any], thumbnail: NDArray[Any]) -> bool:
    """Whether two thumbnails, uint8 (18, 32, 3) RGB, are of different scenes."""
    return float(np.mean(cv2.absdiff(thumbnail, before))) > CUT


def mask_or_none(
    frame: RawFrame, segment: Segment, complain: Callable[[str], None], last: FrameMask | None = None
) -> FrameMask | None:
    """The mask of this very frame, or None where there is none to be trusted, for whatever reason: then all of
    the frame is blurred, and `complain` is told the reason. `last` is the result for the frame before.
    """
    try:
        return find_mask(frame, segment, last)
    except MaskError as reason:
        complain(f"{reason}; the whole picture is blurred")
    except Exception as error:  # noqa: BLE001 - whatever a network may do wrong, the answer is the safe picture
        complain(f"the network failed ({told(error)}); the whole picture is blurred")
    return None


def told(error: Exception) -> str:
    """What kind it is, and what it says; not every one can say something."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - it may raise anything
        return type(error).__name__


def check(soft: NDArray[Any], size: tuple[int, int], sequence: int) -> FrameMask:
    """The network's answer as a mask, if it is one for a picture of `size` (width, height). Raises MaskError."""
    if type(soft) is not np.ndarray or soft.dtype != np.float32 or soft.shape != size[::-1]:
        raise MaskError(f"the network gave {getattr(soft, 'dtype', type(soft))} {getattr(soft, 'shape', '')}")
    background, less = soft <= LOW, soft < HIGH
    room, beside = np.count_nonzero(background) / soft.size, float(middle(less).mean())
    doubtful = np.count_nonzero(less) / soft.size - room
    alpha = fill_doubtful_holes(soft, background, less) - np.float32(LOW)
    alpha *= np.float32(1 / (HIGH - LOW))
    np.clip(alpha, 0.0, 1.0, out=alpha)
    demand(float(soft.min()), float(soft.max()), doubtful, float(alpha.mean()), room, beside)
    return FrameMask(alpha, sequence)


def middle(plane: Any) -> Any:
    """What a face that fills the picture covers of (H, W) for certain: all but a quarter above and at either side."""
    height, width = plane.shape
    return plane[height // 4 :, width // 4 : width - width // 4]


def demand(low: float, high: float, doubtful: float, kept: float, room: float, beside: float) -> None:
    """Raise MaskError where these are not the figures of a mask: lowest and highest value of the network's answer, the
    shares of the picture that it is undecided about, that it takes for a person and that it is sure to be room, and
    the share of the middle that it does not surely take for a person.

    A network that fails takes everything for a person, and so does a good one, almost, of a face before the lens. This
    one still sees the room in a corner, is undecided along the contour only, and has all of the middle.
    """
    if not 0.0 <= low <= high <= 1.0:  # not true of NaN either
        raise MaskError(f"the network gave values from {low} to {high}")
    if high - low < FLAT and high > LOW:
        raise MaskError(f"the network gave {high:.2f} for the whole picture")
    if doubtful > UNDECIDED:
        raise MaskError(f"the network is undecided about {doubtful:.0%} of the picture")
    if kept > MOST and not (doubtful <= CLEAR and room >= SURE and beside <= HOLE):
        raise MaskError(f"the network took {kept:.0%} of the picture for a person")


def fill_doubtful_holes(soft: NDArray[Any], background: NDArray[Any], less: NDArray[Any]) -> NDArray[Any]:
    """The mask with small holes filled in which the network is nowhere sure to see background, as in a chequered
    shirt. The gap under an arm is not one of them: there it is sure. `background`: bool (H, W), where it is sure;
    `less`: where it is not sure of a person.
    """
    left_over = without_sure(background, less)
    x, y, columns, rows = cv2.boundingRect(left_over)
    if not columns:
        return soft
    part = slice(y, y + rows), slice(x, x + columns)  # in which all of them lie: to look at the rest takes far longer
    count, labels, stats, _ = cv2.connectedComponentsWithStats(left_over[part], connectivity=4)
    left, top, width, height, area = stats.T + np.array([[x], [y], [0], [0], [0]])
    inside = (left > 0) & (top > 0) & (left + width < soft.shape[1]) & (top + height < soft.shape[0])
    sure = np.bincount(labels[background[part]], minlength=count)
    holes = inside & (area <= HOLE * soft.size) & (sure == 0)
    holes[0] = False  # not a hole, but what is around them: the person
    if not holes.any():
        return soft
    filled = soft.copy()
    filled[part][holes[labels]] = 1.0
    return filled


def without_sure(background: NDArray[Any], less: NDArray[Any]) -> NDArray[Any]:
    """Uint8 (H, W), 1 where `less` says so but for its first areas that are somewhere `background`: usually none is
    left, which saves looking at each.
    """
    rest = less.astype(np.uint8)
    for _ in range(FILLS):
        row, column = divmod(int((background & rest.view(bool)).argmax()), less.shape[1])
        if not (background[row, column] and rest[row, column]):
            break
        cv2.floodFill(rest, None, (column, row), (0,))
    return rest
