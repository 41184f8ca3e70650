"""Tables of what checks of doctor say: name → (facts, state, a part of the sentence, a part of the remedy)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from vcam.host.checks.check import Verdict


class Case(NamedTuple):
    facts: Any
    state: str
    sentence: str
    remedy: str


Table = Mapping[str, Sequence[tuple[Any, str, str, str]]]


def each_case(table: Table) -> pytest.MarkDecorator:
    """Call a test with the `name` of a check and a `case`, for each line of the table."""
    cases = [(name, Case(*line)) for name, lines in table.items() for line in lines]
    return pytest.mark.parametrize(("name", "case"), cases, ids=[f"{name}-{case.sentence}" for name, case in cases])


def assert_said(check: Callable[[Any], Verdict], case: Case) -> None:
    verdict = check(case.facts)
    assert verdict.state == case.state, verdict
    assert case.sentence in verdict.sentence
    assert case.remedy in verdict.remedy if case.remedy else not verdict.remedy or verdict.state == "problem"
