"""Which of several people is kept: the nearest, who fills most of the picture and sits most in its middle."""

from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.masks.mask import FrameMask
from vcam.masks.pieces import PERSON, SMALLEST

NEARER = 1.5  # as much as another person must count, of the one who is kept,
CHANGE = 1.0  # and for so many seconds, to be kept instead
AWAY = 1.5  # seconds for which no other person is kept after the one who was kept has gone
HAND = 0.125  # share of a person that a loose piece beside them may have: a hand beyond a pale sleeve
REACH = 1 / 32  # of the mask's width: how far away that, and a soft edge, may be


@dataclass(frozen=True)
class Nearest:
    """Who was kept up to now."""

    place: NDArray[Any] = field(repr=False)  # bool (h, w): where in the mask they were, when they were last there
    seen: float  # when that was, in seconds
    rival: float | None = None  # since when another person has been nearer


def keep_nearest(mask: FrameMask, last: Nearest | None, now: float) -> tuple[FrameMask, Nearest | None]:
    """The mask without all who are not the nearest; it keeps nothing that it did not keep before. `last` is the result
    for the frame before, None where that tells nothing of this one; `now` is the frame's time in seconds. Another
    person must be nearer for a while to take over, so that two who sit side by side do not take turns.
    """
    person = (mask.alpha > PERSON).view(np.uint8)
    _, pieces, stats, centres = cv2.connectedComponentsWithStats(person, ltype=cv2.CV_16U)
    area = stats[:, cv2.CC_STAT_AREA] / person.size
    area[0] = 0.0  # what is around the pieces
    chosen, memory = choose(pieces, weigh(area, centres[:, 0] / person.shape[1]), last, now)
    if chosen == 0:
        return replace(mask, alpha=np.zeros_like(mask.alpha)), memory
    if len(area) > 2:
        mask = replace(mask, alpha=np.where(around(pieces, chosen, area), mask.alpha, np.float32(0.0)))
    return mask, memory


def weigh(area: NDArray[Any], middle: NDArray[Any]) -> NDArray[Any]:
    """How near each piece seems: its share of the picture, which counts a quarter at the sides, and nothing where it is
    no person's; `middle` is where it is, from 0, left, to 1.
    """
    return np.where(area < SMALLEST, 0.0, area * (1.0 - 1.5 * np.abs(middle - 0.5)))


def choose(pieces: NDArray[Any], weights: NDArray[Any], last: Nearest | None, now: float) -> tuple[int, Nearest | None]:
    """The number of the piece to keep, 0 for none, and what is to be remembered. `pieces` has the number of each
    pixel's piece, uint16 (h, w), 0 = none.
    """
    best = int(weights.argmax())
    current, rival = best, None
    if last is not None:
        place = last.place
        if place.shape != pieces.shape:  # another network
            place = cv2.resize(place.view(np.uint8), pieces.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        shared = np.bincount(pieces[place], minlength=len(weights)) * (weights > 0)
        current = int(shared.argmax()) if shared.any() else 0
        if current == 0 and now - last.seen <= AWAY:
            return 0, last
        if current == 0:
            current = best
        elif weights[best] > NEARER * weights[current]:
            rival = now if last.rival is None else last.rival
            if now - rival > CHANGE:
                current, rival = best, None
    if weights[current] == 0.0:
        return 0, None
    return current, Nearest(pieces == current, now, rival)


def around(pieces: NDArray[Any], chosen: int, area: NDArray[Any]) -> NDArray[Any]:
    """Bool (h, w): the chosen piece, loose ones that are theirs, and the soft edges of these: every pixel within REACH
    that is nearer to them than to anybody else.
    """
    reach = 2 * round(REACH * pieces.shape[1]) + 1
    square = np.ones((reach, reach), np.uint8)
    beside = cv2.dilate((pieces == chosen).view(np.uint8), square) > 0
    theirs = np.zeros(len(area), bool)
    theirs[pieces[beside]] = True
    theirs &= area <= HAND * area[chosen]
    theirs[chosen], theirs[0] = True, False
    _, nearest = cv2.distanceTransformWithLabels(
        (pieces == 0).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3, labelType=cv2.DIST_LABEL_CCOMP
    )
    own = theirs[pieces]
    kept = np.zeros(int(nearest.max()) + 1, bool)
    kept[nearest[own]] = True
    return np.asarray(kept[nearest] & (cv2.dilate(own.view(np.uint8), square) > 0))
