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
    """The chosen file, or the shipped one: the whole of it, or without torch its header alone."""
    from segnet.weights import DEFAULT, WeightsError, load_weights, read_info

    path = chosen or DEFAULT
    whole = has_torch()
    try:
        info = load_weights(path)[1] if whole else read_info(path)
    except WeightsError as error:
        return Facts(str(error))
    which = f" ({path})" if chosen else ", as shipped"
    state = "intact, by its sha256" if whole else "its header is valid; its tensors were not read, which takes torch"
    return Facts("", f"{info.architecture}{which}: {state}; classes: {', '.join(info.classes)}")


def has_torch() -> bool:
    """Whether torch can be imported: it may be missing, half installed, or lack a library."""
    try:
        import torch  # noqa: F401 - only tried
    except (ImportError, OSError):
        return False
    return True


def weights(facts: Facts) -> Verdict:
    """Whether the network's file can be used."""
    if facts.error is None:
        return Verdict("unknown", "not read, because of --quick")
    return Verdict("problem", facts.error) if facts.error else Verdict("ok", facts.summary)


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {"weights": weights}
