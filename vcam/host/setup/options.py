"""Lines `options v4l2loopback …` of modprobe.d(5): read and joined, data in, data out."""

from collections.abc import Sequence

from vcam.host.facts import LABELS, Options, words

MODPROBE = "/etc/modprobe.d/segblur.conf"  # the file of our own line
# Options with a value for each camera → what stands for no value.
LISTS = {"video_nr": "-1", "card_label": "Virtual Camera", "exclusive_caps": "0"}


def arguments_of(lines: Sequence[Options]) -> dict[str, str]:
    """Names and values of the options, joined as modprobe does: the last value of a name counts."""
    return {name: value for line in lines for name, _, value in (word.partition("=") for word in words(line.text))}


def labels_of(line: Options) -> list[str]:
    """The names of the cameras that a line makes."""
    return arguments_of([line]).get("card_label", "").split(",")


def joined(lines: Sequence[Options], number: int) -> str:
    """One line for the cameras of these lines and, with this number, ours."""
    given = arguments_of(lines)
    lists = {name: [part for part in given.pop(name, "").split(",") if part] for name in LISTS}
    devices = given.pop("devices", "")
    count = max(1, *map(len, lists.values()), int(devices) if devices.isdigit() else 0)
    ours = {"video_nr": str(number), "card_label": LABELS[0], "exclusive_caps": "1"}
    cameras = [
        f"{name}={quoted(','.join([*values, *[filler] * (count - len(values)), ours[name]]))}"
        for (name, values), filler in zip(lists.items(), LISTS.values(), strict=True)
    ]
    rest = [f"{name}={quoted(value)}" for name, value in given.items()]
    return " ".join(["options v4l2loopback", f"devices={count + 1}", *cameras, *rest])


def quoted(value: str) -> str:
    """The value, in quotes where it holds a space."""
    return f'"{value}"' if " " in value else value
