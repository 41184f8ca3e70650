"""The process that makes a graph: what it finds is said in its words, and whatever it does harms nobody."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from segnet import graph as conversion
from segnet.classes import ClassError
from segnet.engines import EngineError
from segnet.graph import by_child, file_sha256, graph_of
from segnet.weights import WeightsError, build, save_weights
from tests.helpers.graphs import acting, child, entries, folder, openvino, order, temporary, weights  # noqa: F401
from tests.segnet.test_weights import DECONV

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", [WeightsError, EngineError, ClassError])
def test_what_the_child_finds_is_told_in_its_words(weights, folder, monkeypatch, kind):
    chatter = "print('noise', flush=True); os.write(1, b'noise')"
    child(monkeypatch, acting(f"{chatter}; raise conversion.{kind.__name__}('größer × ' + repr(order[2:]))"))
    with pytest.raises(kind) as caught:
        graph_of(*order(weights, keep=("person", "--cat")))
    assert str(caught.value) == "größer × (['person', '--cat'],)"
    assert entries(folder) == []


def test_numbers_that_are_none_are_found_by_the_child(tmp_path, folder):
    tensors = build(DECONV).state_dict()
    tensors |= {name: tensor.clamp(-1, 1) * 3e38 for name, tensor in tensors.items() if tensor.is_floating_point()}
    path = tmp_path / "big.safetensors"
    save_weights(path, tensors, DECONV)
    with pytest.raises(WeightsError, match=r"^the network in \S*big\.safetensors gives numbers that are not"):
        openvino(path)
    assert entries(folder) == []


def test_what_openvino_makes_of_the_graph_is_looked_at_too(weights, monkeypatch):
    monkeypatch.setattr("segnet.inference.gives_numbers", lambda *_: False)
    with pytest.raises(WeightsError, match="not finite"):
        openvino(weights)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os; os.abort()", "was ended by SIGABRT; try again, or use torch"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV;"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL, perhaps for want of memory;"),
        ("raise MemoryError", "ended with code 1;"),
        ("", "OpenVINO can't read what was made of"),
        ("import os, sys; os.write(int(sys.argv[2]), b'garbage' * 99)", "OpenVINO can't read what was made of"),
        ("import os, sys; os.write(int(sys.argv[2]), bytes(8) + b'garbage')", "OpenVINO can't read what was made"),
    ],
)
def test_a_child_that_fails_is_a_sentence_and_leaves_nothing(weights, folder, monkeypatch, code, says):
    child(monkeypatch, code)
    open_files = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(EngineError, match=says) as caught:
        graph_of(*order(weights))
    assert str(weights) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert entries(folder) == []
    assert len([*Path("/proc/self/fd").iterdir()]) == open_files


def children():
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_a_child_that_hangs_is_ended(weights, folder, monkeypatch):
    monkeypatch.setattr(conversion, "CHILD", ("sh", "-c", "exec sleep 999"))
    monkeypatch.setattr(conversion, "LIMIT", 0.5)
    before = children()
    with pytest.raises(EngineError, match=r"took more than 0\.5 seconds; try again, or use torch"):
        graph_of(*order(weights))
    assert children() == before
    assert entries(folder) == []


def test_a_child_that_can_not_be_started_is_a_sentence(weights, monkeypatch):
    monkeypatch.setattr(conversion, "CHILD", ("/nowhere/python",))
    with pytest.raises(EngineError, match=r"can't be made ready for OpenVINO \(No such file"):
        by_child(*order(weights))


@pytest.mark.parametrize("frames", [True, False])
def test_a_child_is_nice_where_frames_are_shown_meanwhile_and_ends_with_the_one_that_asked(weights, tmp_path, frames):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    code = acting(f"open({str(begun)!r}, 'w').write(f'{{os.getpid()}} {{os.nice(0)}}'); time.sleep(999)")
    asks = f"""
import sys, threading
from pathlib import Path
from segnet import graph as conversion
conversion.CHILD = (sys.executable, "-c", {code!r})
def ask():
    conversion.by_child(Path({str(weights)!r}), "0", ("person",))
threading.Thread(target=ask).start() if {frames} else ask()
"""
    parent = subprocess.Popen([sys.executable, "-c", asks], cwd=ROOT)
    try:
        pid, nice = map(int, begun.read_text().split())
        assert nice == min(19, os.nice(0) + frames * conversion.NICE)
        watched = os.pidfd_open(pid)
    finally:
        parent.kill()
        parent.wait()
    assert select.select([watched], [], [], 60)[0]
    os.close(watched)


def test_a_child_whose_parent_is_gone_already_makes_nothing(weights):
    result = os.memfd_create("result")
    called = [*conversion.CHILD, "1", str(result), "0", str(weights), file_sha256(weights), "person"]
    assert subprocess.run(called, pass_fds=[result], cwd=ROOT, check=False).returncode == 1
    assert os.fstat(result).st_size == 0
    os.close(result)
