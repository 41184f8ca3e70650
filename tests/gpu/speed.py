"""`python -m tests.gpu.speed OUT`: the tests that need a CUDA GPU, and how quick and how exact it is, in at most five
minutes. Leaves OUT/gpu.md and what it is made of, and prints it. `--device cpu --toy` tries all of it without a GPU.

It does without OpenVINO. Where such a machine reaches no registry, take the wheels of PyAV, pyvirtualcam and pydantic
along, unpacked into a folder that PYTHONPATH names: `uv pip install --target FOLDER --python-version 3.12 --only-binary
:all: --no-deps av pyvirtualcam pydantic pydantic-core pydantic-settings …`, 115 MB, 40 packed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import fill

from segnet.markdown import aligned

ROOT = Path(__file__).parent.parent.parent
LIMITS = {"tests": 100, "bench": 100, "profile": 40, "differences": 40}  # seconds
TESTS = ("pipeline/test_cuda_graph_in_use", "segnet/test_engines", "offline/test_batch")
PYTEST = ("-m", "pytest", "-q", "--tb=short", "-rfE", "-m", "gpu", "--timeout=60", "--continue-on-collection-errors")
PYTEST += ("--durations=4", "-o", "filterwarnings=default", "-p", "no:cacheprovider")
SIZES, TOY = ("1280x720,1920x1080,3840x2160", "300"), ("320x240,640x360", "3")
PRINTED = 4500  # characters of the tests' failures


def step(name, words, out):
    """Whether the command ended well; what it prints goes to OUT/NAME.log."""
    path = os.pathsep.join([str(ROOT), os.getenv("PYTHONPATH", "")])
    given = os.environ | {"PYTHONPATH": path.rstrip(os.pathsep), "OPENBLAS_NUM_THREADS": "1"}
    began, log = time.monotonic(), out / f"{name}.log"
    with log.open("w") as file:
        command = [sys.executable, *words]
        child = subprocess.Popen(command, cwd=ROOT, env=given, stdout=file, stderr=file, start_new_session=True)
        try:
            good = child.wait(LIMITS[name]) == 0
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            file.write(f"\nstopped after {LIMITS[name]} s\n")
            good = False
    print(f"{name}: {'done' if good else 'failed'} after {time.monotonic() - began:.0f} s", flush=True)
    return good


def page(out):
    """Markdown of whatever there is."""
    parts = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    yield from ("# On a GPU", "", fill(next((part["machine"] for part in parts.values()), "Not measured."), 120))
    for name, tell in (("bench", of_bench), ("profile", of_profile), ("differences", of_differences)):
        yield from ("", f"## {name.capitalize()}", "")
        yield from tell(parts[name]["found"]) if name in parts else [f"Failed: {last(out / f'{name}.log', 600)}"]
    yield from ("", "## Tests", "")
    lines = (out / "tests.log").read_text().splitlines()
    yield from [f"- {line[:200]}" for line in lines if line.startswith(("FAILED", "ERROR"))]
    yield f"- {(lines or ['nothing'])[-1]}"


def of_bench(found):
    if found["bars"]:
        yield from (*aligned([["what", "goal", "here", ""], *found["bars"]]), "")
    yield found["tables"]


def of_profile(found):
    busy = f"{found['busy_us']:.0f} of {found['span_us']:.0f} µs busy, gaps {found['gaps']:.1%}"
    yield f"One frame of {found['size']}: {found['kernels']} kernels, {busy}. Beneath: all runs of a kernel, and of the"
    yield "kernels of a line of ours, started step by step."
    for head, rows in (("kernel", found["longest"]), ("line", found["lines"])):
        yield ""
        yield from aligned([[head, "runs", "µs"], *([f"`{name[:70]}`", str(n), f"{us:g}"] for name, n, us in rows)])


def of_differences(found):
    yield from ("Grey levels from the CPU's, the worst of successive frames of the sample.", "")
    keys = ("mask_mean", "mask_max", "picture_mean", "picture_max")
    rows = [[size, *(f"{of[key]:.2f}" for key in keys)] for size, of in found.items()]
    yield from aligned([["size", "mask, mean", "mask, most", "picture, mean", "picture, most"], *rows])


def last(log, most):
    return log.read_text().strip()[-most:]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.speed", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--toy", action="store_true", help="small and few frames")
    given = parser.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    good = step("tests", [*PYTEST, *(f"tests/{name}.py" for name in TESTS)], out)
    for name in ("bench", "profile", "differences"):
        (out / f"{name}.json").unlink(missing_ok=True)
        words = ["-m", "tests.gpu.measure", name, str(out / f"{name}.json"), given.device]
        good &= step(name, [*words, *(TOY if given.toy else SIZES)], out)
    text = "\n".join(page(out)) + "\n"
    (out / "gpu.md").write_text(text)
    print(text)
    log = (out / "tests.log").read_text()
    if (begin := max(log.find("= FAILURES ="), log.find("= ERRORS ="))) >= 0:
        print(log[begin : begin + PRINTED])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
