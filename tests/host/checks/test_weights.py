"""What doctor says of the weights."""

from tests.helpers.verdicts import assert_said, each_case
from vcam.host.checks.check import Host
from vcam.host.checks.weights import CHECKS, Facts, look, read_weights
from vcam.settings import load_settings

WELL = Facts("", "selfie, as shipped")
CASES = {
    "weights": [
        (Facts("x is damaged; copy it again"), "problem", "damaged", ""),
        (Facts(), "unknown", "--quick", ""),
    ],
}


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)


def test_the_shipped_weights_are_read_as_a_whole():
    assert read_weights(None) == Facts("", "selfie, as shipped: intact, by its sha256; classes: person")


def test_a_file_that_is_no_weights_file_is_an_error(tmp_path):
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nonsense")
    facts = look(Host(settings=load_settings({"network": {"weights": str(bad)}})))
    assert "bad.safetensors is not a readable" in facts.error
