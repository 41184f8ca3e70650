"""A plan, as commands."""

import shlex

import pytest

from tests.helpers.machines import BARE
from vcam.host.setup.plan import plan
from vcam.host.steps import Remove, Run, Step, Write, calls


def test_root_needs_no_sudo():
    step = plan(BARE).steps[0]
    assert next(calls(step)).words[0] == "sudo"
    assert next(calls(step, as_root=True)).words[0] == "apt-get"


@pytest.mark.parametrize("action", [Remove("~/x y"), Write("~/x y", "text\n"), Run(("a", "b c"))])
def test_what_is_printed_is_quoted_for_the_shell(action):
    for one in calls(Step("why", (action,))):
        assert shlex.split(str(one).split(" >")[0]) == list(one.words)
