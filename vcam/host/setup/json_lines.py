"""A plan and its progress as JSON, for a window."""

import json
import shlex
from pathlib import Path
from typing import Any

from vcam.host.carry_out import only_in_terminal
from vcam.host.facts import resolve
from vcam.host.steps import Plan, Remove, Step, Write, at_home


def offer(plan: Plan, is_set_up: bool, is_root: bool = False, root: Path = Path("/")) -> dict[str, Any]:
    """The plan; whether nothing but a start of the service is missing; why it needs a terminal, if it does."""
    return {
        "segblur": 1,
        "steps": [step_of(step, root) for step in plan.steps],
        "remarks": list(plan.remarks),
        "set_up": is_set_up,
        "terminal": "" if is_root else only_in_terminal(plan),
        "reboot": any(step.asks for step in plan.steps),  # the new password is entered at the next start
    }


def step_of(step: Step, root: Path) -> dict[str, Any]:
    """A step: its commands, without sudo, and the files that it writes."""
    commands, files = [], []
    for action in step.actions:
        if isinstance(action, Write):
            files.append({"path": str(resolve(action.path, root)), "text": action.text})
        elif isinstance(action, Remove):
            commands.append(shlex.join(("rm", "-f", str(resolve(action.path, root)))))
        else:
            commands.append(shlex.join(at_home(action.words)))
    return {"why": step.why, "root": step.root, "commands": commands, "files": files}


def say_json(value: dict[str, Any]) -> None:
    """Print a line."""
    print(json.dumps(value), flush=True)
