"""What OpenVINO does to the process that it is loaded into: nothing, and it tells nobody."""

import ast
import os
import subprocess
import sys
from pathlib import Path

from segnet.inference import load_segmenter
from segnet.weights import DEFAULT

ROOT = Path(__file__).parents[2]
FAKE_TELEMETRY = "import os; os._exit(77)"


def test_openvino_is_pinned_to_no_core():
    engine = load_segmenter(DEFAULT, engine="openvino", device="cpu", threads=1)._engine_for(256, 144)
    model = engine.request.get_compiled_model()
    assert model.get_property("ENABLE_CPU_PINNING") is False


def outcome(tmp_path, code):
    """Exit code of a new interpreter at home in an empty folder, where OpenVINO's telemetry ends it with 77, and any
    connection to anywhere with 78.
    """
    fake = tmp_path / "path" / "openvino_telemetry"
    (fake / "backend").mkdir(parents=True, exist_ok=True)
    (fake / "__init__.py").write_text(FAKE_TELEMETRY)
    watch = "import os, sys; sys.addaudithook(lambda event, _: event in EVENTS and os._exit(78))"
    watch = watch.replace("EVENTS", "{'socket.connect', 'socket.getaddrinfo', 'socket.sendto'}")
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "TF_BUILD", "JENKINS_URL"}}
    environment |= {"HOME": str(home), "PYTHONPATH": f"{fake.parent}:{ROOT}"}
    environment |= {
        "XDG_CACHE_HOME": str(tmp_path / "cache")
    }  # empty, so that the child that makes the graph is seen too
    done = subprocess.run([sys.executable, "-c", f"{watch}\n{code}"], env=environment, capture_output=True, check=False)
    assert done.returncode in {0, 77, 78}, done.stderr.decode()
    assert not list(home.rglob("*"))  # telemetry keeps an identity of the user here
    return done.returncode


def test_a_signal_finds_its_handler_after_networks_came_and_went():
    """OpenVINO's CPU plugin gives signals another stack, which must not go with one of several networks."""
    code = """
import os, signal
from segnet.inference import load_segmenter
from segnet.weights import DEFAULT
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
one = load_segmenter(DEFAULT, engine="openvino", device="cpu")
other = load_segmenter(DEFAULT, engine="openvino", device="cpu")
del one
del other
os.kill(os.getpid(), signal.SIGTERM)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 7


def test_openvino_by_itself_would_report_that_it_is_used(tmp_path):
    """Otherwise the next test says nothing."""
    assert outcome(tmp_path, "import openvino") == 77


def test_nothing_is_reported_to_anybody(tmp_path):
    code = """
import numpy as np
from segnet.inference import load_segmenter
from segnet.weights import DEFAULT
segmenter = load_segmenter(DEFAULT, engine="openvino", device="cpu")
segmenter(np.zeros((160, 224, 3), np.uint8))
import openvino  # again, as somebody else may
assert segmenter.engine == "openvino"
"""
    assert outcome(tmp_path, code) == 0


def test_nobody_imports_openvino_but_the_one_who_silences_it():
    for path in [path for package in ("vcam", "segnet", "training") for path in (ROOT / package).rglob("*.py")]:
        named = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if name.split(".")[0] == "openvino"
        }
        assert not named or path.name == "engines.py", f"{path} imports {named}; use segnet.engines.import_openvino"
