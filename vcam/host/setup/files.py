"""The files that setup writes: marked, so that a file changed by hand is recognised and left alone."""

from collections.abc import Sequence
from pathlib import Path, PurePath

from vcam.errors import SegBlurError
from vcam.host.facts import Machine
from vcam.host.steps import Plan, Remove, Run, Step, Write
from vcam.system.marks import COMMENTS, is_ours, is_untouched, marked

# In an installed copy, and in a checkout.
FOLDERS = (
    Path(__file__).parents[2] / "share",
    *(Path(__file__).parents[3] / name for name in ("systemd", "packaging/desktop")),
)


def shipped(name: str) -> str:
    """The text of a file of the folder systemd/ or packaging/desktop/. Raises SegBlurError."""
    for folder in FOLDERS:
        if (folder / name).is_file():
            return (folder / name).read_text()
    raise SegBlurError(f"this copy of SegBlur lacks its file {name}: install it again (uv tool install --reinstall .)")


def writing(machine: Machine, path: str, text: str, why: str, then: Run | None = None) -> Plan:
    """Write a file where it is missing or older, and run `then`. A file that is not ours, or that was changed by hand,
    is left unchanged.
    """
    there, text = machine.files.get(path), marked(text, COMMENTS.get(PurePath(path).suffix, "#"))
    if there == text:
        return Plan()
    if there is not None and not is_untouched(there):
        return Plan(remarks=(left_unchanged(path, there),))
    actions = (Write(path, text), *((then,) if then else ()))
    return Plan((Step(why, actions, root=not path.startswith("~")),))


def removing(
    machine: Machine, paths: Sequence[str], why: str, first: Sequence[Run] = (), then: Run | None = None
) -> Plan:
    """Remove those of the files that we made, between the commands `first` and `then`; leave the others unchanged."""
    there = {path: machine.files[path] for path in paths if path in machine.files}
    ours = [path for path, text in there.items() if is_untouched(text)]
    plan = Plan(remarks=tuple(left_unchanged(path, text) for path, text in there.items() if path not in ours))
    if ours:
        actions = (*first, *map(Remove, ours), *((then,) if then else ()))
        plan += Plan((Step(why, actions, root=not ours[0].startswith("~")),))
    return plan


def left_unchanged(path: str, text: str) -> str:
    """The remark about a file that is not ours to change."""
    return f"{path} was {'changed by hand' if is_ours(text) else 'not made by segblur setup'}: it is left unchanged."
