"""`python -m tests.gpu.train DATA OUT START STEPS SECONDS`: the recipe of the shipped weights in variants, all of them
from START on and at once on one GPU, stopped after so many seconds; OUT/NAME.tar has what each left. A small network
alone leaves much of a GPU idle.
"""

import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
VARIANTS = {
    "strong": ["--learning-rate", "6e-4"],
    "gentle": ["--learning-rate", "2e-4", "--anchor", "3e-5"],
}


def start(name, data, out, init, steps, more):
    folder = out / name
    words = ["-m", "training", "train", "--config", "training/recipes/selfie.toml", "--data", data, "--init", init]
    words += ["--out", folder, "--steps", steps, "--evaluate-every", steps, "--no-thorough"]
    words += ["--threads", 4, "--checkpoint-every", 100, *VARIANTS[name], *more]
    log = (out / f"{name}.log").open("w")
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, stdout=log, stderr=log)


def ended(run, seconds):
    """The exit code; a run that takes longer stops after a step, with its checkpoint written."""
    try:
        return run.wait(max(1.0, seconds))
    except subprocess.TimeoutExpired:
        run.terminate()
        return run.wait()


def main():
    data, out, init, steps, seconds, *more = sys.argv[1:]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    runs = {name: start(name, data, out, init, int(steps), more) for name in VARIANTS}
    for name, run in runs.items():
        code = ended(run, float(seconds) - (time.monotonic() - began))
        lines = (out / f"{name}.log").read_text(errors="replace").replace("\r", "\n").splitlines()
        print(f"{name}: exit code {code} after {time.monotonic() - began:.0f} s", *lines[-12:], sep="\n", flush=True)
        with tarfile.open(out / f"{name}.tar", "w") as tar:
            if (out / name).is_dir():
                tar.add(out / name, name)


if __name__ == "__main__":
    main()
