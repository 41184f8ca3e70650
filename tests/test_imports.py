"""Who may import whom, and who may vouch for a frame: the house rules, kept true."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {"vcam": {"vcam", "segnet"}, "segnet": {"segnet"}, "training": {"training", "segnet"}}
PIXELS = {"frame", "yuv", "mask", "people", "compositor", "effects", "placeholder"} | {
    *("bokeh", "styles", "rim", "fade", "scene"),
}  # know no device, no service, no settings
SERVICE = {"keeper", "crew", "worker", "slots", "swap", "service", "control", "client", "protocol", "demo", "__main__"}


def modules(package):
    return {path.stem: ast.parse(path.read_text()) for path in (ROOT / package).glob("*.py")}


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


def test_imports_point_one_way():
    for package, allowed in MAY_IMPORT.items():
        for name, tree in modules(package).items():
            ours = {module.split(".")[0] for module, _ in imports(tree)} & {*MAY_IMPORT, "tests"}
            assert ours <= allowed, f"{package}/{name}.py imports {ours - allowed}"


def test_pixels_know_nothing_of_devices_or_the_service_and_devices_nothing_of_the_service():
    for name, tree in modules("vcam").items():
        used = {module.split(".")[1] for module, _ in imports(tree) if module.startswith("vcam.")}
        if name in PIXELS:
            assert used <= PIXELS, f"{name}.py imports {used - PIXELS}"
        if name in {"camera", "loopback", "v4l2", "files"}:
            assert not used & SERVICE, f"{name}.py imports {used & SERVICE}"


def test_only_compositor_placeholder_and_slots_vouch_for_a_frame():
    makers = {
        f"{package}/{name}"
        for package in MAY_IMPORT
        for name, tree in modules(package).items()
        if name != "frame" and {"seal", "_SEAL"} & set(words(tree))
    }
    assert makers == {"vcam/compositor", "vcam/placeholder", "vcam/slots"}


def test_a_raw_frame_is_made_only_by_cameras_and_those_who_blur_files():
    makers = {name for name, tree in modules("vcam").items() for node in ast.walk(tree)
              if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RawFrame"}  # fmt: skip
    assert makers == {"camera", "files", "pictures", "video", "bench", "golden"}


def test_what_has_nothing_to_do_with_pictures_does_not_pay_for_torch_or_opencv():
    for module in (
        "vcam",
        "vcam.settings",
        "vcam.keeper",
        "vcam.loopback",
        "vcam.service",
        "vcam.crew",
        "vcam.store",
        "vcam.__main__",
    ):
        code = f"import sys, {module}; print({{'torch', 'cv2', 'av'}} & set(sys.modules))"
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert out.stdout.strip() == "set()", f"{module} imports {out.stdout}"


def test_a_worker_tells_that_it_lives_before_it_loads_torch():
    code = "import sys, vcam.worker; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_no_file_of_weights_is_ever_unpickled():
    for package in ("vcam", "segnet"):
        for name, tree in modules(package).items():
            assert not {m for m, _ in imports(tree)} & {"pickle", "torch.hub", "torch.jit"}, name
            calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            assert not calls & {"torch.load", "torch.jit.load", "torch.hub.load"}, name
