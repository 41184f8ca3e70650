"""Class names of networks, and which classes are to stay visible."""

from collections.abc import Sequence

BACKGROUND = "background"
PERSON = "person"

# Pascal VOC's, in the order of its palette: a pixel of class 15 is a person.
VOC_CLASSES = (
    BACKGROUND,
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    PERSON,
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


class ClassError(Exception):
    """Something is to be kept that the network doesn't know; the text says what, and what it would take."""


def kept(classes: tuple[str, ...], keep: Sequence[str]) -> tuple[int, ...]:
    """Where the kept classes stand among those of the weights: indices in rising order, each once; for weights that
    know one class only, (0,). Raises ClassError for a class that these weights don't know, for the background, which
    is what the blur is for, and for none at all.
    """
    if not keep:
        raise ClassError("nothing is to be kept: name at least one class, for example person")
    if BACKGROUND in keep:
        raise ClassError("the background can't be kept: it is what the blur is for")
    missing = list(dict.fromkeys(name for name in keep if name not in classes))
    known = [name for name in classes if name != BACKGROUND]
    knows = f"these weights know only {listed(known)}"
    if strange := [name for name in missing if name not in VOC_CLASSES]:
        raise ClassError(f"{knows}; nothing is known of {listed(strange)}")
    if missing:
        verb = "needs" if len(missing) == 1 else "need"
        raise ClassError(f"{knows}; {listed(missing)} {verb} ones trained on VOC's classes")
    return tuple(sorted({classes.index(name) for name in keep}))


def listed(names: Sequence[str]) -> str:
    """The names as a sentence has them: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
