"""Which pictures to train on and which to measure on, so that nobody is in both."""

import hashlib
import os
import re
from pathlib import Path

from training.data.pairs import find_pairs
from training.errors import DataError


def split_folder(folder: Path, by: str, share: float) -> str:
    """Write folder/train.txt and folder/val.txt, names of its pictures: about `share` of the groups go to val. A group
    is what the regular expression `by` matches in a name, or its first parenthesis: the person or the scene.
    A group's side depends on its name alone, so that it stays there when pictures are added. Says what it did.
    Raises DataError.
    """
    if not 0 < share < 1:
        raise DataError(f"--share must be between 0 and 1, not {share:g}")
    try:
        pattern = re.compile(by)
    except re.error as error:
        raise DataError(f"--by {by} is not a regular expression: {error}") from None
    targets = {name: folder / f"{name}.txt" for name in ("train", "val")}
    if taken := [path for path in targets.values() if path.exists()]:
        raise DataError(f"{taken[0]} exists; delete it to split anew")
    sides: dict[str, list[str]] = {"train": [], "val": []}
    groups: dict[str, str] = {}
    for pair in find_pairs(folder):
        match = pattern.search(pair.name)
        if match is None:
            raise DataError(f"--by {by} matches nothing in the name {pair.name}")
        group = match.group(match.re.groups and 1)
        groups[group] = side_of(group, share)
        sides[groups[group]].append(pair.name)
    for name in targets:
        if not sides[name]:
            raise DataError(f"all {len(groups)} groups of {folder} fall on one side; change --share or --by")
    for name, path in targets.items():
        path.write_bytes(os.fsencode("".join(f"{line}\n" for line in sides[name])))
    val = sum(side == "val" for side in groups.values())
    return (
        f"{targets['train']}: {len(sides['train'])} pictures of {len(groups) - val} groups\n"
        f"{targets['val']}: {len(sides['val'])} pictures of {val} groups"
    )


def side_of(group: str, share: float) -> str:
    """The list that a group belongs to, train or val, by its name."""
    place = int.from_bytes(hashlib.sha256(os.fsencode(group)).digest()[:8], "big") / 2**64
    return "val" if place < share else "train"
