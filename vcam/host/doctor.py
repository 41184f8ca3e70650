"""`segblur doctor`: gathers what the checks look at, and shows what they found, safe to paste into a bug report."""

import argparse
import getpass
import json
import os
import platform
import re
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

from vcam.devices.v4l2 import Device, devices
from vcam.errors import SegBlurError, SettingsError
from vcam.host.checks import Facts, Finding, Nvidia, Sandbox, examine
from vcam.host.facts import find, look, output, read
from vcam.settings import Settings, load_settings

FIREFOX = (".mozilla/firefox", ".config/mozilla/firefox", "snap/firefox/common/.mozilla/firefox",
           ".var/app/org.mozilla.firefox/.mozilla/firefox")  # fmt: skip
CHROMIUMS = {
    "Chrome": ".config/google-chrome",
    "Chromium": ".config/chromium",
    "Brave": ".config/BraveSoftware/Brave-Browser",
    "Edge": ".config/microsoft-edge",
    "Vivaldi": ".config/vivaldi",
}
FLATPAKS = re.compile(
    "firefox|chrom|brave|edge|vivaldi|zoom|discord|slack|teams|obsproject|webex|signal|jitsi|skype|telegram|snapshot"
)
COLOURS = {"ok": "32", "warning": "33", "problem": "31", "unknown": "2"}
PLAIN_NAMES = {"root", "user", "video", "camera", "segblur", "ubuntu", "debian", "fedora", "localhost"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `segblur doctor`."""
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.add_argument("--quick", action="store_true", help="without reading the weights and asking the GPU")


def run(arguments: argparse.Namespace, _settings: object = None) -> int:
    """Look and tell: 0 where there is no problem, else 1. Reads the settings itself, because they may be a problem."""
    found = [scrubbed(finding) for finding in examine(gather(arguments.quick))]
    if arguments.json:
        print(json.dumps({"system": system(), "findings": [finding._asdict() for finding in found]}, indent=2))
    else:
        # What is piped or pasted is not broken; a terminal that is too narrow breaks it badly by itself.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        print(report(system(), found, width, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    return int(any(finding.state == "problem" for finding in found))


def system() -> dict[str, str]:
    """What a reader of a bug report asks first."""
    try:
        segblur = version_of("segblur")
    except PackageNotFoundError:
        segblur = "unknown"
    machine = platform.uname()
    title = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux") if os_is_known() else "Linux"
    return {
        "segblur": segblur,
        "python": platform.python_version(),
        "system": title,
        "kernel": machine.release,
        "processor": machine.machine,
    }


def os_is_known() -> bool:
    """Whether the system says what it is."""
    return any(Path(path).exists() for path in ("/etc/os-release", "/usr/lib/os-release"))


def report(about: dict[str, str], found: Iterable[Finding], width: int = 0, colour: bool = False) -> str:
    """The findings for people: a line each, and one more for the command that mends it; `width` 0 breaks no line."""
    found = list(found)
    first = "SegBlur {segblur}, Python {python}, {system}, kernel {kernel} ({processor})".format(**about)
    column = max(len(finding.name) for finding in found) + 2
    indent = "\n" + " " * (9 + column)
    lines = [first, ""]
    for finding in found:
        state = f"\033[{COLOURS[finding.state]}m{finding.state:<9}\033[0m" if colour else f"{finding.state:<9}"
        texts = textwrap.wrap(finding.sentence, max(30, width - len(indent))) if width else [finding.sentence]
        texts += [f"→ {finding.remedy}"] if finding.remedy else []
        lines.append(f"{state}{finding.name:<{column}}{indent.join(texts)}")
    return "\n".join([*lines, "", summary(found)])


def summary(found: Iterable[Finding]) -> str:
    """The last line."""
    states = Counter(finding.state for finding in found)
    parts = [f"{states[state]} {state}{'s' * (states[state] > 1)}" for state in ("problem", "warning") if states[state]]
    if not parts:
        return "All is well."
    begin = "Begin with the first problem: later ones often go with it." if states["problem"] > 1 else ""
    return f"{' and '.join(parts)}. {begin}".rstrip()


def scrubbed(finding: Finding) -> Finding:
    """Without the names of the person and the computer, serial numbers, and what could harm a terminal."""
    return finding._replace(sentence=scrub(finding.sentence), remedy=scrub(finding.remedy))


def scrub(text: str) -> str:
    """One line that can be shown to anybody."""
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    text = re.sub(r"/dev/v4l/(by-id|by-path)/[^\s'\";,)]+", r"/dev/v4l/\1/…", text)  # holds a serial number
    home = str(Path.home())
    if home not in ("/", ""):
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    for name, instead in ((user(), "USER"), (platform.node(), "HOST"), (platform.node().split(".")[0], "HOST")):
        if name and name not in PLAIN_NAMES:  # which identify nobody, and stand in commands
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", instead, text)
    return text


def user() -> str:
    """The login name; nothing where this user has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def gather(quick: bool = False, root: Path = Path("/")) -> Facts:
    """Everything that the checks look at; nothing is changed by it."""
    trouble, chosen = "", None
    try:
        chosen = load_settings()
    except SettingsError as error:
        trouble = str(error)
    chosen = chosen or Settings.model_construct()
    machine, home = look(root), Path.home()
    webcams = tuple(device for device in devices() if not device.is_loopback and not is_ours(device, chosen))
    nodes = [node.path for node in machine.nodes] + [device.path for device in webcams]
    answer, silence = ask_service()
    weights, network = (None, "") if quick else read_weights(chosen)
    nvidia = look_for_nvidia(root)
    return Facts(
        machine=machine,
        label=chosen.output.label,
        size=(chosen.output.width, chosen.output.height),
        settings=trouble,
        webcams=webcams,
        holders={str(path): who_holds(path) for path in nodes},
        firefox=firefox_profiles(home),
        pipewire=pipewire_browsers(home),
        sandboxes=(*flatpaks(), *snaps()),
        nvidia=nvidia,
        cuda=None if quick or nvidia is None else ask_cuda(),
        linger=(root / "var/lib/systemd/linger" / (user() or "-")).exists(),
        weights=weights,
        network=network,
        answer=answer,
        silence=silence,
    )


def is_ours(device: Device, chosen: Settings) -> bool:
    """Whether it is a virtual camera that can't be asked."""
    return device.name in (chosen.output.label, f"{chosen.output.label} 2")


def who_holds(path: Path) -> tuple[str, ...]:
    """Programs of this user that have the node open, without this one."""
    from vcam.devices.loopback import holders

    return tuple(holders(path))


def ask_service() -> tuple[dict[str, object] | None, str]:
    """The running service's status, or why there is none."""
    from vcam.control.client import ask

    try:
        return ask("status", timeout=3.0), ""
    except SegBlurError as error:
        return None, str(error).split(";")[0]


def read_weights(chosen: Settings) -> tuple[str, str]:
    """What is wrong with the weights, and what they say of themselves."""
    from segnet.weights import DEFAULT, WeightsError, load_tensors

    path = chosen.network.weights or DEFAULT
    try:
        _, info = load_tensors(path)
    except WeightsError as error:
        return str(error), ""
    which = f" ({path})" if chosen.network.weights else ", as shipped"
    return "", f"{info.architecture}{which}: whole, by its sha256; it knows {', '.join(info.classes)}"


def look_for_nvidia(root: Path) -> Nvidia | None:
    """The NVIDIA driver, where it is loaded."""
    about = read(root / "proc/driver/nvidia/version")
    if not about:
        return None
    number = re.search(r"\s(\d{3,}\.\d+(\.\d+)?)\s", about)
    saves = re.search(r"PreserveVideoMemoryAllocations: (\d)", read(root / "proc/driver/nvidia/params"))
    nodes = (root / "dev/nvidiactl").exists() and (root / "dev/nvidia-uvm").exists()
    return Nvidia(number[1] if number else "of an unknown version", nodes, saves and saves[1] != "0")


def ask_cuda() -> str:
    """Why torch can't use the GPU; nothing where it can."""
    import warnings

    from segnet.extras import lacking

    if lack := lacking("using it", "cuda"):
        return lack
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return ""
    return str(said[0].message) if said else "it finds none, or is built without CUDA"


def firefox_profiles(home: Path) -> tuple[str, ...]:
    """What each of Firefox's profiles has for media.webrtc.camera.allow-pipewire."""
    found = []
    for path in sorted(path for folder in FIREFOX for path in (home / folder).glob("*/prefs.js")):
        match = re.search(r'"media\.webrtc\.camera\.allow-pipewire",\s*(true|false)', read(path))
        found.append(match[1] if match else "default")
    return tuple(found)


def pipewire_browsers(home: Path) -> tuple[str, ...]:
    """Those of Chromium's kind in which the flag for cameras through PipeWire was set to Enabled."""
    flag = '"enable-webrtc-pipewire-camera@1"'
    return tuple(name for name, folder in CHROMIUMS.items() if flag in read(home / folder / "Local State"))


def flatpaks() -> tuple[Sandbox, ...]:
    """Video programs of flatpak."""
    if not find("flatpak"):
        return ()
    programs = (output("flatpak", "list", "--app", "--columns=application") or "").split()
    found = []
    for program in programs:
        if FLATPAKS.search(program.lower()):
            granted = re.search(r"^devices=(.*)$", output("flatpak", "info", "-M", program) or "", re.MULTILINE)
            camera = granted is not None and "all" in granted[1].split(";")
            found.append(Sandbox(program, camera, f"flatpak override --user --device=all {program}"))
    return tuple(found)


def snaps() -> tuple[Sandbox, ...]:
    """Programs of snap that have a plug for cameras."""
    if not find("snap"):
        return ()
    found = []
    for line in (output("snap", "connections", "--all") or "").splitlines():
        interface, plug, slot, *_ = [*line.split(), "", "", ""]
        if interface == "camera" and plug.endswith(":camera"):
            found.append(Sandbox(plug.removesuffix(":camera"), slot != "-", f"sudo snap connect {plug}"))
    return tuple(found)
