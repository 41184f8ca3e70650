"""Check of the network's weights."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from vcam.host.checks.check import Host, Verdict


class Facts(NamedTuple):
    """What this check judges."""

    error: str | None = None  # why the file can't be used; None where it was not read
    summary: str = ""  # what the file says of itself


def look(host: Host) -> Facts:
    """What the weights file holds, unless in a quick look."""
    return Facts() if host.quick else read_weights(host.settings.network.weights)


def read_weights(chosen: Path | None) -> Facts:
    """The chosen file, or the shipped one, read to its end."""
    from segnet.weights import DEFAULT, WeightsError, load_tensors

    path = chosen or DEFAULT
    try:
        info = load_tensors(path)[1]
    except WeightsError as error:
        return Facts(str(error))
    which = f" ({path})" if chosen else ", as shipped"
    return Facts("", f"{info.architecture}{which}: intact, by its sha256; classes: {', '.join(info.classes)}")


def weights(facts: Facts) -> Verdict:
    """Whether the network's file can be used."""
    if facts.error is None:
        return Verdict("unknown", "not read, because of --quick")
    return Verdict("problem", facts.error) if facts.error else Verdict("ok", facts.summary)


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {"weights": weights}
