"""Masks of people as programs write them, read as one form: uint8 (H, W), 255 = person.

Whether 1 in a grey mask is next to nothing or the person, one file alone doesn't tell: all masks of a set are looked at
together, and are of one of these forms:
- "soft": shares of person from 0 to 255; in colours of grey, in the alpha channel, or in a palette of greys alike,
- "soft16": the same from 0 to 65535,
- "one": 1 is person, as a grey value or as the index of a coloured palette; 255 of a palette is void,
- "voc": VOC's class numbers, as grey values or as the indices of a coloured palette: 15 is person, 255 is void.
"""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from segnet.classes import PERSON, VOC_CLASSES
from training.data.labels import CLASSES
from training.data.pictures import MASK_VOID, VOID, Pixels, because, orientation_of, read_bytes
from training.errors import DataError

Form = Literal["soft", "soft16", "one", "voc"]
Kind = Literal["grey", "lossy", "index"]  # grey values, such values after JPEG, indices of a coloured palette

ONE, VOC_PERSON = 1, VOC_CLASSES.index(PERSON)
HALF = 127  # of 255: more is person
ALIKE = 2  # grey levels by which channels of a grey JPEG may differ
REMEDY = "save masks as 8-bit grey PNG, 255 = person"


@dataclass(frozen=True)
class Stored:
    """A mask as it is in its file: uint8 or uint16 (H, W), before EXIF's orientation."""

    path: Path
    plane: Pixels
    kind: Kind
    orientation: int

    def values(self) -> frozenset[int]:
        """The numbers that occur."""
        counts = np.bincount(self.plane.ravel(), minlength=256)
        return frozenset(np.flatnonzero(counts).tolist())


def read_mask(path: Path, form: Form) -> tuple[Pixels, int]:
    """The mask as uint8 (H, W), 255 = person and MASK_VOID = void, and its EXIF orientation, by which it is not turned
    yet. Raises DataError.
    """
    stored = read_stored(path)
    plane = stored.plane
    if form in ("one", "voc"):
        plane = person_of(plane, ONE if form == "one" else VOC_PERSON)
    elif form == "soft16" and plane.dtype == np.uint16:
        plane = (plane.astype(np.uint32) + 128) // 257
    return plane.astype(np.uint8), stored.orientation


def person_of(numbers: Pixels, person: int) -> Pixels:
    """The mask that class numbers (H, W) stand for, uint8 (H, W): 255 where they are `person`, MASK_VOID = void."""
    mask: Pixels = np.where(numbers == VOID, MASK_VOID, np.where(numbers == person, 255, 0)).astype(np.uint8)
    return mask


def find_form(paths: Sequence[Path], *, empty: bool) -> Form:
    """The form of the masks of a set; `empty`: whether some may show nobody. Raises DataError that names a mask that
    can't be read, is of another form than the rest or shows nobody, and what to do.
    """
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter
        masks = list(pool.map(summary, paths))
    forms = {kind: form_of(part) for kind in ("grey", "lossy", "index") if (part := [m for m in masks if m[1] == kind])}
    chosen = {form for form in forms.values() if form}
    if len(chosen) > 1:
        names = [next(path for path, kind, values in masks if forms[kind] == form and any(values)) for form in chosen]
        raise DataError(f"{min(names)} and {max(names)} are masks of different forms; {REMEDY}")
    form: Form = chosen.pop() if chosen else "soft"
    nobody = [(path, max(values)) for path, _, values in masks if not shows_somebody(values, form)]
    for path, highest in nobody:
        faint = form in ("soft", "soft16") and highest > 0  # something was drawn, but not as the others are
        if faint or (not empty and form != "voc"):
            raise DataError(f"{path} shows nobody: its highest value is {highest}; {REMEDY}{ROOMS}")
    if len(nobody) == len(masks):
        raise DataError(f"none of the {len(masks)} masks in {paths[0].parent} shows anybody; {REMEDY}")
    return form


ROOMS = ", and measure pictures without people without a mask, in a folder of empty rooms"


def summary(path: Path) -> tuple[Path, Kind, frozenset[int]]:
    """What find_form looks at of one mask: its kind and the numbers that occur in it. Raises DataError."""
    stored = read_stored(path)
    return path, stored.kind, stored.values()


def form_of(masks: Sequence[tuple[Path, Kind, frozenset[int]]]) -> Form | None:
    """The form of masks of one kind; None where they are empty. Raises DataError."""
    path, kind, _ = max(masks, key=lambda mask: max(mask[2] - {VOID}, default=0))
    values = frozenset().union(*(values for _, _, values in masks))
    if values <= {0}:
        return None
    if kind == "lossy" or not values <= CLASSES | {VOID}:
        if kind == "index":
            raise DataError(
                f"{path} has a coloured palette and index {max(values - {VOID})}, where index {ONE} is person, or "
                f"{VOC_PERSON} among VOC's classes; {REMEDY}"
            )
        return "soft16" if max(values) > 255 else "soft"
    if values <= ({0, ONE, VOID} if kind == "index" else {0, ONE}):
        return "one"
    if VOC_PERSON in values:
        return "voc"
    if kind == "grey" and values <= {0, VOID}:
        return "soft"
    numbers = ", ".join(map(str, sorted(values)))
    raise DataError(
        f"the masks in {path.parent} hold {numbers}, such as {path.name}: it can't be told which is person; {REMEDY}"
    )


def shows_somebody(values: frozenset[int], form: Form) -> bool:
    """Whether a mask with these values has a person in it."""
    if form in ("one", "voc"):
        return (ONE if form == "one" else VOC_PERSON) in values
    return max(values) > (HALF if form == "soft" else HALF * 257)


def read_stored(path: Path) -> Stored:
    """Read one mask, of whatever mode. Raises DataError."""
    data = read_bytes(path)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            plane, index = plane_of(picture, path)
            kind: Kind = "index" if index else "lossy" if picture.format == "JPEG" else "grey"
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged pictures raise anything
        raise DataError(f"{path} is not a readable picture{because(error)}") from None
    return Stored(path, plane, kind, orientation_of(data))


def plane_of(picture: Image.Image, path: Path) -> tuple[Pixels, bool]:
    """The one plane of a picture that is the mask, uint8 or uint16 (H, W), and whether its numbers are the indices of
    a coloured palette. Raises DataError.
    """
    if picture.mode == "1":
        return np.array(picture.convert("L")), False
    if picture.mode == "L":
        return np.array(picture), False
    if picture.mode == "P":
        indices = np.array(picture)
        used = np.unique(indices)
        palette = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        if len(palette) <= used[-1] or np.ptp(palette[used], axis=1).any():
            return indices, True
    if picture.mode in ("I", "I;16", "I;16B", "I;16L"):
        numbers = np.array(picture).astype(np.int64)
        if 0 <= numbers.min() <= numbers.max() <= 65535:
            return numbers.astype(np.uint16), False
    if picture.mode in ("F", "I"):
        raise DataError(f"{path} holds numbers of 32 bits; {REMEDY}")
    return channel_of(np.array(picture.convert("RGBA")), path), False


def channel_of(pixels: Pixels, path: Path) -> Pixels:
    """The mask, uint8 (H, W), in pixels uint8 (H, W, 4) RGBA: the alpha channel where there is one, else the grey.
    Raises DataError for a mask in colours, and where colours and alpha are two different masks.
    """
    colours, alpha = pixels[..., :3], pixels[..., 3]
    grey = bool((np.ptp(colours, axis=2) <= ALIKE).all())
    if (alpha == 255).all():
        if not grey:
            raise DataError(f"{path} is coloured, where a mask is grey; {REMEDY}")
        return np.ascontiguousarray(colours[..., 1])
    seen, shown = colours[..., 1][alpha > 0], alpha[alpha > 0]
    if grey and seen.size and np.ptp(seen) > ALIKE and np.abs(seen.astype(int) - shown).max() > ALIKE:
        raise DataError(f"{path} has one mask in its colours and another in its alpha channel; {REMEDY}")
    return np.ascontiguousarray(alpha)
