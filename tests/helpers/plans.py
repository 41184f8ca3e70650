"""Plans of setup, as one reads them."""

import shlex

from vcam.host.setup.plan import plan
from vcam.host.steps import Remove, Run, Write


def lines(plan):
    """Every command and file name of a plan."""
    return [f"{'sudo ' if step.root else ''}{line(action)}" for step in plan.steps for action in step.actions]


def line(action: Run | Write | Remove) -> str:
    return shlex.join(action.words) if isinstance(action, Run) else f"{type(action).__name__} {action.path}"


def written(plan, path):
    """The text that a plan writes to a file."""
    (text,) = [a.text for s in plan.steps for a in s.actions if isinstance(a, Write) and a.path == path]
    return text


def planned(machine):
    return lines(plan(machine))
