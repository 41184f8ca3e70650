"""The checks of `segblur doctor`: each from facts to one finding, and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vcam.devices.v4l2 import CAPTURE, Device
from vcam.host.facts import CTL_ADDS, LABELS, LOAD, Machine, version

OLDEST = (0, 12, 5)  # before, a node lost both its capabilities after the first use
FOR_NEW_KERNELS = ((6, 18), (0, 15, 3))  # a kernel from the first on oopses with a module before the second
READS_PIPEWIRE = 41  # Fedora's Firefox asks PipeWire for cameras since this release
FIREFOX_SIZES = (
    *((128, 96), (160, 120), (176, 144), (320, 240), (352, 288), (640, 480), (704, 576), (800, 600)),
    *((960, 720), (1280, 720), (1024, 768), (1440, 1080), (1920, 1080)),
)
RELOAD = "sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback"
SETUP = "segblur setup"
START = "systemctl --user restart segblur"
JOURNAL = "journalctl --user -u segblur -n 20"

State = Literal["ok", "warning", "problem", "unknown"]


class Finding(NamedTuple):
    """What a check found; `remedy` is a command, or nothing."""

    name: str
    state: State
    sentence: str
    remedy: str = ""


class Verdict(NamedTuple):
    """A finding without its check's name."""

    state: State
    sentence: str
    remedy: str = ""


class Sandbox(NamedTuple):
    """A browser or video program of snap or flatpak: may it use cameras, and the command by which it may."""

    program: str
    camera: bool
    remedy: str


class Nvidia(NamedTuple):
    """The NVIDIA driver: its version, whether its nodes are there, whether it saves memory over suspend."""

    driver: str
    nodes: bool
    preserves: bool | None


@dataclass(frozen=True)
class Facts:
    """All that the checks look at. The defaults are of a machine on which nothing is to be found."""

    machine: Machine = field(default_factory=Machine)
    label: str = LABELS[0]  # of the virtual camera, as the settings have it
    size: tuple[int, int] = (1280, 720)
    settings: str = ""  # what is wrong with them
    webcams: tuple[Device, ...] = ()  # real ones, and nodes that can't be opened
    holders: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # node → programs of this user that have it open
    firefox: tuple[str, ...] = ()  # of each of its profiles what allow-pipewire is: true, false or default
    pipewire: tuple[str, ...] = ()  # Chromium and its like with the flag for cameras through PipeWire on
    sandboxes: tuple[Sandbox, ...] = ()
    nvidia: Nvidia | None = None
    cuda: str | None = None  # why torch can't use it; "" where it can; None where it was not asked
    linger: bool = False
    weights: str | None = None  # what is wrong with them; None where they were not read
    network: str = ""  # what the weights say of themselves
    answer: Mapping[str, object] | None = None  # of the running service to `status`
    silence: str = ""  # why there is none


def installed(facts: Facts) -> Verdict:
    """Whether the module is there for this kernel."""
    machine = facts.machine
    if machine.on_disk is not None or machine.loaded is not None:
        which = machine.on_disk or machine.loaded or "of an unknown version"
        return Verdict("ok", f"v4l2loopback {which} is installed for {machine.kernel}")
    if machine.dkms:
        if not machine.headers and {"debian", "ubuntu"} & set(machine.distribution):
            headers = f"sudo apt-get install linux-headers-{machine.kernel} && "
            return Verdict(
                "problem",
                f"v4l2loopback is not built for {machine.kernel}, whose headers are missing",
                f"{headers}sudo dkms autoinstall",
            )
        return Verdict("problem", f"v4l2loopback is not built for {machine.kernel}", "sudo dkms autoinstall")
    return Verdict("problem", f"the kernel module v4l2loopback is not installed for {machine.kernel}", SETUP)


def loaded(facts: Facts) -> Verdict:
    """Whether the module is in the kernel, and of a version that works."""
    machine = facts.machine
    if machine.loaded is None:
        if machine.on_disk is None:
            return Verdict("unknown", "the module can't be loaded before it is installed")
        remedy = "sudo modprobe v4l2loopback" if LOAD in machine.files else SETUP
        return Verdict("problem", "the module is installed, but not loaded", remedy)
    have = version(machine.loaded)
    kernel, needs = FOR_NEW_KERNELS
    if len(have) > 2 and have < OLDEST:
        return Verdict("problem", f"v4l2loopback {machine.loaded} is too old: 0.12.5 or newer is needed", SETUP)
    if have and version(machine.kernel) >= kernel and have < needs:
        return Verdict(
            "problem",
            f"v4l2loopback {machine.loaded} can crash a kernel from 6.18 on, as {machine.kernel} is one: update its "
            "package to 0.15.3 or newer",
        )
    if machine.on_disk and version(machine.on_disk) > have:
        return Verdict("warning", f"{machine.on_disk} is installed, but {machine.loaded} is loaded", RELOAD)
    if have and have < CTL_ADDS and machine.distribution[0] != "ubuntu":
        backport = "sudo apt-get install -t bookworm-backports v4l2loopback-dkms"
        return Verdict(
            "warning",
            f"v4l2loopback {machine.loaded} does not tell who watches: SegBlur must guess it from open files",
            backport if (machine.distribution[0], machine.release) == ("debian", "12") else "",
        )
    return Verdict("ok", f"v4l2loopback {machine.loaded or 'of an unknown version'} is loaded")


def options(facts: Facts) -> Verdict:
    """Whether two files have options for the module: the second list of cameras would replace the first."""
    files = sorted({line.path for line in facts.machine.options})
    if len(files) > 1:
        return Verdict("warning", f"several files have options of v4l2loopback: {', '.join(files)}", SETUP)
    if files and not any(facts.label in line.text for line in facts.machine.options):
        return Verdict("ok", f"{files[0]} has options for another program's camera")
    return Verdict("ok", f"its options stand in {files[0]}" if files else "no file has options of the module")


def camera(facts: Facts) -> Verdict:
    """Whether there is a node with our name that we may use, where Firefox looks."""
    node = facts.machine.node(facts.label)
    if node is None:
        if facts.machine.loaded is None:
            return Verdict("unknown", f"'{facts.label}' can't exist before the module is loaded")
        if facts.label != LABELS[0]:
            return Verdict("problem", f"no camera is named '{facts.label}', as output.label in the settings has it")
        return Verdict("problem", f"no camera is named '{facts.label}'", SETUP)
    if node.trouble == "Permission denied":
        remedy = 'sudo usermod -aG video "$USER"'
        return Verdict("problem", f"{node.path} may not be used by you; after this, log in again", remedy)
    if node.trouble:
        return Verdict("problem", f"{node.path} can't be opened: {node.trouble}", RELOAD)
    if node.number > 63:
        return Verdict("warning", f"Firefox looks no further than /dev/video63, and it is {node.path}", SETUP)
    return Verdict("ok", f"'{facts.label}' is {node.path}")


def exclusive(facts: Facts) -> Verdict:
    """Whether browsers would take the node for a webcam."""
    node = facts.machine.node(facts.label)
    if node is None or node.capabilities is None:
        return Verdict("unknown", "what kind of camera it is can't be seen before it is there")
    wrong = Verdict("problem", f"{node.path} lacks exclusive_caps=1: Chrome and Zoom don't list it", SETUP)
    if version(facts.machine.loaded or "") >= CTL_ADDS:
        return wrong if node.is_both else Verdict("ok", "it has exclusive_caps, as Chrome wants it")
    # Before, a camera with it may look like one without while somebody reads; but none can be added later.
    given = facts.machine.exclusive.split(",")[: len(facts.machine.nodes)]
    if given and set(given) == {"Y"}:
        return Verdict("ok", "it has exclusive_caps, as Chrome wants it")
    return (
        wrong if given and "Y" not in given else Verdict("unknown", "the module doesn't say whose exclusive_caps it is")
    )


def second(facts: Facts) -> Verdict:
    """Whether two programs can be served."""
    if version(facts.machine.loaded or "") < CTL_ADDS:
        if facts.machine.loaded is None:
            return Verdict("unknown", "how many programs it serves can't be seen before it is there")
        return Verdict("ok", "several programs can use the camera at once")
    if node := facts.machine.node(f"{facts.label} 2"):
        return Verdict("ok", f"a second program can use '{node.name}' ({node.path})")
    remedy = SETUP if facts.label == LABELS[0] else ""
    return Verdict("warning", f"without '{facts.label} 2' only one program at a time can use the camera", remedy)


def picture(facts: Facts) -> Verdict:
    """Whether somebody writes to the node, in a size that everybody takes."""
    node = facts.machine.node(facts.label)
    if node is None or node.trouble:
        return Verdict("unknown", "whether it delivers pictures can't be seen before it is there")
    users = facts.holders.get(str(node.path), ())
    by = f"; open in {', '.join(users)}" if users else ""
    flows = node.state == "capture" or (not node.state and bool((node.capabilities or 0) & CAPTURE))
    if not flows:
        unit = facts.machine.service
        remedy = SETUP if unit is not None and not unit.exists else START
        return Verdict("problem", f"nobody writes to it, so programs don't list it{by}", remedy)
    size = f" ({node.format})" if node.format else ""
    return Verdict("ok", f"it delivers pictures{size}{by}")


def secure_boot(facts: Facts) -> Verdict:
    """Whether the kernel takes modules that were built here."""
    machine = facts.machine
    if machine.secure_boot is None:
        return Verdict("unknown", "the firmware doesn't tell whether Secure Boot is on")
    if not machine.secure_boot:
        return Verdict("ok", "Secure Boot is off")
    if machine.loaded is not None:
        return Verdict("ok", "Secure Boot is on, and the module is loaded all the same")
    key = "/etc/pki/akmods/certs/public_key.der" if "fedora" in machine.distribution else "/var/lib/dkms/mok.pub"
    return Verdict(
        "warning",
        "Secure Boot is on: should the module be refused ('Key was rejected'), enrol the key that signed it, restart, "
        "and choose 'Enroll MOK'",
        f"sudo mokutil --import {key}",
    )


def webcam(facts: Facts) -> Verdict:
    """Whether there is a webcam with a format that we read."""
    cameras = [device for device in facts.webcams if device.is_camera]
    good = [device for device in cameras if {"MJPG", "YUYV"} & {form.fourcc for form in device.formats}]
    refused = [device for device in facts.webcams if device.trouble]
    if not good:
        if refused:
            what = f"{refused[0].path} ({refused[0].name}) can't be opened: {refused[0].trouble}"
            return Verdict("problem", what, 'sudo usermod -aG video "$USER"' if "denied" in what else "")
        if cameras:
            return Verdict("problem", f"{cameras[0].name} delivers neither MJPEG nor YUYV: use another webcam")
        return Verdict("warning", "there is no webcam: plug one in")
    shown = "; ".join(f"{device.name} ({device.path}: {best(device)})" for device in good)
    if names := sorted(
        {name for device in good for name in facts.holders.get(str(device.path), ()) if name != "segblur"}
    ):
        return Verdict("ok", f"{shown}; open in {', '.join(names)}")
    if not any(is_quick(device) for device in good):
        return Verdict("warning", f"{shown}: no MJPEG of 1280×720, so it will be slow or small")
    return Verdict("ok", shown)


def best(device: Device) -> str:
    """The largest size of each format that we read."""
    parts = [f"{form.fourcc} {width}×{height}" for form in device.formats if form.fourcc in ("MJPG", "YUYV")
             for width, height in [max(form.sizes, default=(0, 0), key=lambda size: size[0] * size[1])]]  # fmt: skip
    return ", ".join(parts).replace(" 0×0", "")


def is_quick(device: Device) -> bool:
    """Whether it has a format that goes through USB 2 at 720p and 30 frames a second."""
    return any(form.fourcc == "MJPG" and (not form.sizes or max(form.sizes) >= (1280, 720)) for form in device.formats)


def settings(facts: Facts) -> Verdict:
    """Whether the settings can be used."""
    if facts.settings:
        return Verdict("problem", facts.settings)
    if facts.size not in FIREFOX_SIZES:
        width, height = facts.size
        return Verdict("warning", f"Firefox does not know the size {width}×{height}: take 1280×720 or 1920×1080")
    return Verdict("ok", "the settings can be used")


def weights(facts: Facts) -> Verdict:
    """Whether the network's file is whole."""
    if facts.weights is None:
        return Verdict("unknown", "not read in a quick look")
    return Verdict("problem", facts.weights) if facts.weights else Verdict("ok", facts.network)


def gpu(facts: Facts) -> Verdict:
    """Whether the GPU can be used, also after suspend."""
    card = facts.nvidia
    if card is None:
        return Verdict("ok", "no NVIDIA driver: the network runs on the CPU")
    if not card.nodes:
        return Verdict(
            "warning",
            "the GPU's node /dev/nvidia-uvm is missing, which the service may not make",
            "sudo nvidia-modprobe -u",
        )
    if facts.cuda:
        return Verdict("warning", f"torch can't use the GPU ({facts.cuda}): the network runs on the CPU")
    if card.preserves is False:
        return Verdict(
            "warning",
            f"NVIDIA {card.driver} loses the GPU's memory in suspend; after this, restart the computer",
            "echo options nvidia NVreg_PreserveVideoMemoryAllocations=1 | sudo tee /etc/modprobe.d/nvidia-suspend.conf "
            "&& sudo systemctl enable nvidia-suspend nvidia-resume nvidia-hibernate",
        )
    return Verdict("ok", f"NVIDIA driver {card.driver}" + (", usable by torch" if facts.cuda == "" else ""))


def systemd(facts: Facts) -> Verdict:
    """Whether there is a systemd that can run the service."""
    machine = facts.machine
    if machine.systemd is None:
        return Verdict("warning", "there is no systemd: let your session start `segblur run`")
    if machine.systemd < 249:
        return Verdict("warning", f"systemd {machine.systemd} is older than any that SegBlur was tried with")
    if machine.service is None:
        return Verdict("unknown", "no systemd of yours answers, as after su or sudo: log in as yourself to see more")
    return Verdict("ok", f"systemd {machine.systemd}")


def service(facts: Facts) -> Verdict:
    """Whether the service is enabled and runs."""
    unit = facts.machine.service
    if unit is None:
        return Verdict("unknown", "whether the service runs can't be seen without a systemd of yours")
    if not unit.exists:
        return Verdict("problem", "the service is not installed", SETUP)
    if unit.enabled.startswith("masked"):
        return Verdict("warning", "the service is masked: it never starts", "systemctl --user unmask segblur")
    if unit.active == "failed" and unit.code == 78:
        return Verdict("problem", "the service ended because its settings can't be used", JOURNAL)
    if unit.active == "failed" or (unit.active == "activating" and unit.result not in ("", "success")):
        return Verdict("problem", f"the service fails ({unit.result}, code {unit.code}); its log says why", JOURNAL)
    if unit.active not in ("active", "reloading", "activating"):
        return Verdict("problem", "the service is not running", "systemctl --user enable --now segblur")
    if unit.enabled != "enabled":
        return Verdict("warning", "the service runs, but does not start at login", "systemctl --user enable segblur")
    return Verdict("ok", f"the service is {unit.active} and starts at login")


def answers(facts: Facts) -> Verdict:
    """Whether the running service is well, by its own word."""
    if facts.answer is not None:
        told = [str(facts.answer.get(key) or "") for key in ("state", "sentence", "fallback")]
        state: State = "warning" if told[0] == "trouble" or told[2] else "ok"
        return Verdict(state, f"it says: {': '.join(part for part in told if part)}" if any(told) else "it answers")
    unit = facts.machine.service
    if unit is not None and unit.active == "active":
        return Verdict("problem", f"it does not answer ({facts.silence or 'it has no control socket'})", START)
    return Verdict("unknown", "no service is there to be asked")


def lingers(facts: Facts) -> Verdict:
    """Whether the service runs while nobody is logged in."""
    if facts.linger:
        return Verdict(
            "warning", "your services also run while you are logged out (lingering)", "loginctl disable-linger"
        )
    return Verdict("ok", "the service ends with your session")


def firefox(facts: Facts) -> Verdict:
    """Whether Firefox looks for cameras where ours is."""
    if not facts.firefox:
        return Verdict("ok", "no profile of Firefox is here")
    fedora = facts.machine.distribution[0] == "fedora" and version(facts.machine.release) >= (READS_PIPEWIRE,)
    if "true" in facts.firefox or (fedora and "default" in facts.firefox):
        return Verdict(
            "warning",
            "Firefox asks PipeWire for cameras: if SegBlur Camera is missing there, do this, or set "
            "media.webrtc.camera.allow-pipewire to false in about:config",
            "systemctl --user restart pipewire wireplumber",
        )
    return Verdict("ok", "Firefox finds cameras by itself")


def chromium(facts: Facts) -> Verdict:
    """Whether Chrome and the like look for cameras where ours is."""
    if facts.pipewire:
        return Verdict(
            "warning",
            f"{' and '.join(facts.pipewire)}: if SegBlur Camera is missing there, set "
            "chrome://flags/#enable-webrtc-pipewire-camera to Default",
        )
    return Verdict("ok", "no Chromium was told to ask PipeWire for cameras")


def sandboxes(facts: Facts) -> Verdict:
    """Whether programs of snap and flatpak may use cameras."""
    shut = [sandbox for sandbox in facts.sandboxes if not sandbox.camera]
    if shut:
        names = ", ".join(sandbox.program for sandbox in shut)
        return Verdict("warning", f"may not use cameras: {names}", " && ".join(sandbox.remedy for sandbox in shut))
    names = ", ".join(sandbox.program for sandbox in facts.sandboxes)
    return Verdict("ok", f"may use cameras: {names}" if names else "no video program of snap or flatpak is here")


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {
    "module": installed,
    "loaded": loaded,
    "options": options,
    "secure boot": secure_boot,
    "camera": camera,
    "exclusive": exclusive,
    "second camera": second,
    "picture": picture,
    "webcam": webcam,
    "settings": settings,
    "weights": weights,
    "gpu": gpu,
    "systemd": systemd,
    "service": service,
    "answer": answers,
    "lingering": lingers,
    "firefox": firefox,
    "chrome": chromium,
    "snap, flatpak": sandboxes,
}


def examine(facts: Facts) -> list[Finding]:
    """Every finding, in the order in which a person would mend things."""
    return [Finding(name, *check(facts)) for name, check in CHECKS.items()]
