"""Who may import whom, and who may vouch for a frame: the house rules, kept true."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PICTURE, SAMPLE = (ROOT / "vcam/sample" / name for name in ("known_answer.jpg", "signing.mkv"))
MAY_IMPORT = {"vcam": {"vcam", "segnet"}, "segnet": {"segnet"}, "training": {"training", "segnet"}}
# The rooms of vcam, from the ground up: each may import those above it, and segnet where it is marked so.
ROOMS = (
    ("vcam", False),  # what every room speaks of: settings, errors, the safe frame
    ("system", False),
    ("media", False),
    ("control", False),
    ("desktop", False),
    ("devices", False),
    ("masks", False),
    ("effects", False),
    ("host", True),
    ("pipeline", True),
    ("service", False),
    ("offline", False),
    ("bench", True),
    ("panel", False),
    ("cli", False),
)
# What the keeper runs: it never sees a raw frame.
BLIND = {f"service/{name}" for name in ("frame_slots", "keeper", "placeholder", "screen", "service", "supervisor")}
BLIND |= {
    "service/wakeup",
    "devices/outputs",
    "devices/previews",
    "devices/loopback",
    "devices/loopback_writer",
    "devices/readers",
}
BLIND |= {f"desktop/{name}" for name in ("bus", "fence", "launch", "lock", "seen", "service_bus")}
BLIND |= {f"devices/{name}" for name in ("pipewire", "pipewire_library", "pipewire_pods", "pipewire_stream")}

# Each room of training, and which of the others it may import; all may import training/errors.py. No circle.
TRAINING = {
    "data": set(),
    "augment": {"data"},
    "measure": {"data"},
    "convert": set(),
    "label": {"data", "measure", "convert"},
    "run": {"data", "augment", "measure", "convert"},
}


@cache
def modules(package):
    """Each file of a package, at any depth, by its path below the project's folder without ".py"."""
    files = sorted((ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).with_suffix("").as_posix(): ast.parse(path.read_text()) for path in files}


def imports(tree):
    """(module, names) of each import anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", tuple(alias.name for alias in node.names)


def words(tree):
    """Every name that a file speaks of, however it came by it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_guards_see_every_file_of_python():
    found = {
        Path(folder, name).relative_to(ROOT).as_posix()
        for package in MAY_IMPORT
        for folder, _, names in os.walk(ROOT / package)
        for name in names
        if name.endswith(".py")
    }
    assert {f"{name}.py" for package in MAY_IMPORT for name in modules(package)} == found
    assert len(found) > 100


def test_imports_point_one_way():
    for package, allowed in MAY_IMPORT.items():
        for name, tree in modules(package).items():
            ours = {module.split(".")[0] for module, _ in imports(tree)} & {*MAY_IMPORT, "tests"}
            assert ours <= allowed, f"{name}.py imports {ours - allowed}"


def room_of(name):
    """The room of vcam/ROOM/file, "vcam" for what lies in vcam/ itself."""
    parts = name.split("/")
    return parts[1] if len(parts) > 2 else "vcam"


def test_every_room_is_in_the_table_and_holds_a_sentence():
    rooms = {path.parent.name: path for path in (ROOT / "vcam").glob("*/__init__.py")}
    assert set(rooms) == {room for room, _ in ROOMS} - {"vcam"}
    for path in rooms.values():
        assert len(path.read_text().splitlines()) == 1, path


def test_a_room_imports_only_rooms_above_it():
    names = [room for room, _ in ROOMS]
    for name, tree in modules("vcam").items():
        if name == "vcam/__main__":
            continue  # the way in
        me = names.index(room_of(name))
        for module, _ in imports(tree):
            if module.split(".")[0] == "segnet":
                assert ROOMS[me][1], f"{name}.py imports {module}"
            elif module.startswith("vcam."):
                other = module.split(".")[1] if module.split(".")[1] in names else "vcam"
                assert names.index(other) <= me, f"{name}.py imports {module}"


def test_a_room_of_training_imports_only_those_that_the_table_names():
    assert {path.parent.name for path in (ROOT / "training").glob("*/__init__.py")} == set(TRAINING)
    drawn = {room: set() for room in TRAINING}
    for name, tree in modules("training").items():
        for module, _ in imports(tree):
            if name.count("/") > 1 and module.startswith("training.") and module != "training.errors":
                drawn[name.split("/")[1]].add(module.split(".")[1])
    assert {room: others - {room} for room, others in drawn.items()} == TRAINING


def test_no_file_of_training_imports_itself_by_way_of_others():
    files = {name.replace("/", "."): tree for name, tree in modules("training").items()}
    arrows = {name: {module for module, _ in imports(tree)} & files.keys() for name, tree in files.items()}
    while ends := {name for name, others in arrows.items() if not others}:  # whatever imports nothing is in no circle
        arrows = {name: others - ends for name, others in arrows.items() if name not in ends}
    assert not arrows


HELP = """
import sys
from contextlib import suppress
from training.__main__ import main
for command in ([], ["train"], ["evaluate"], ["export"], ["card"], ["split"], ["label"], ["download"]):
    sys.argv[1:] = [*command, "--help"]
    with suppress(SystemExit):
        main()
print("imported", {"torch", "torchvision", "cv2", "matplotlib", "openvino"} & set(sys.modules))
"""


def test_the_help_of_training_imports_nothing_that_takes_long():
    out = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True).stdout
    assert out.count("usage:") == 8
    assert out.splitlines()[-1] == "imported set()"


def test_the_keeper_and_its_outputs_never_see_a_raw_frame():
    for name in BLIND:
        used = {module for module, _ in imports(modules("vcam")[f"vcam/{name}"])}
        raw = {"vcam.media.raw_frame", "vcam.devices.webcam", "vcam.devices.sample", "vcam.devices.cameras"}
        assert not used & {*raw, "cv2", "torch"}, name


def test_what_the_desktop_is_told_has_no_frame_in_it():
    for name, tree in modules("vcam").items():
        if room_of(name) == "desktop":
            used = {module for module, _ in imports(tree)}
            assert not used & {"vcam.frame", "vcam.control.preview", "numpy", "mmap"}, name
            assert not {"SafeFrame", "RawFrame", "DBusUnixFd", "memfd_create"} & set(words(tree)), name


def test_the_window_sees_neither_a_raw_frame_nor_the_service():
    for name, tree in modules("vcam").items():
        if name.startswith("vcam/panel/"):
            used = {module for module, _ in imports(tree)}
            raw = {"vcam.frame", "vcam.media.raw_frame", "vcam.devices.webcam", "vcam.devices.cameras"}
            assert not used & {*raw, "cv2", "numpy", "pydantic", "torch"}, name
            assert not any(module.startswith(("vcam.service", "vcam.pipeline", "vcam.effects")) for module in used), (
                name
            )


def test_only_compositors_placeholder_and_slots_vouch_for_a_frame():
    makers = {
        name
        for package in MAY_IMPORT
        for name, tree in modules(package).items()
        if name != "vcam/frame" and {"seal", "_SEAL"} & set(words(tree))
    }
    assert makers == {
        "vcam/effects/compositor",
        "vcam/pipeline/cuda_graph",  # composes on the GPU
        "vcam/service/placeholder",
        "vcam/service/frame_slots",
    }


def test_a_raw_frame_is_made_only_by_cameras_and_those_who_blur_files():
    makers = {
        name
        for package in MAY_IMPORT
        for name, tree in modules(package).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "RawFrame" in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}
    }
    assert makers == {
        "vcam/devices/webcam",
        "vcam/devices/sample",
        "vcam/offline/image",
        "vcam/offline/video",
        "vcam/bench/bench",
        "vcam/pipeline/known_answer",
    }


def test_what_has_nothing_to_do_with_pictures_does_not_pay_for_torch_or_opencv():
    for module in (
        "vcam",
        "vcam.settings",
        "vcam.service.keeper",
        "vcam.devices.loopback",
        "vcam.devices.pipewire",
        "vcam.service.service",
        "vcam.service.supervisor",
        "vcam.service.weights_store",
        "vcam.__main__",
    ):
        code = f"import sys, {module}; print({{'torch', 'cv2', 'av'}} & set(sys.modules))"
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert out.stdout.strip() == "set()", f"{module} imports {out.stdout}"


def test_a_worker_tells_that_it_lives_before_it_loads_what_runs_the_network():
    code = "import sys, vcam.service.worker; print({'torch', 'openvino'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


WORKER = """
import sys
from threading import Thread
import numpy as np
from vcam.settings import Settings
from vcam.service.worker import prepare

class Link:
    settings = Settings(network={"engine": "openvino", "device": "cpu"})
    def tell(self, what):
        told.append(what["swap"]["state"])

told = []
networks = prepare(Link())
mask = networks.current()(np.zeros((144, 256, 3), np.uint8), None)
networks.judge(True)
networks.request(Link.settings.network.model_copy(update={"size": "fine"}))
networks._loading.thread.join()
networks.current()
print(mask.shape, told, {"torch", "torchvision", "sympy", "PIL", "matplotlib"} & set(sys.modules))
"""


def test_a_worker_loads_and_swaps_networks_without_torch_even_where_no_graph_was_ever_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "(144, 256) ['in use', 'loading', 'ready'] set()"
    assert not [*tmp_path.iterdir()]  # the graph is built from the tensors each time


@pytest.mark.parametrize("words", [("image", PICTURE, "-o", "out.png"), ("video", SAMPLE, "-o", "out.mkv")])
def test_commands_that_blur_files_do_not_pay_for_torch(tmp_path, words):
    code = "import sys, vcam.__main__ as us; code = us.main(); print('torch' in sys.modules); sys.exit(code)"
    options = ["--network.engine", "openvino", "--network.device", "cpu"]
    called = [sys.executable, "-c", code, *map(str, words), *options]
    out = subprocess.run(called, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (out.returncode, out.stdout.splitlines()[-1:]) == (0, ["False"]), out.stderr


def test_no_file_of_weights_is_ever_unpickled():
    for package in ("vcam", "segnet"):
        for name, tree in modules(package).items():
            assert not {m for m, _ in imports(tree)} & {"pickle", "torch.hub", "torch.jit"}, name
            calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            assert not calls & {"torch.load", "torch.jit.load", "torch.hub.load"}, name
