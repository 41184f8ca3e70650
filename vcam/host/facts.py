"""What `segblur setup` and `segblur doctor` look at: this machine as a snapshot, which a test can make up."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vcam.devices.v4l2 import CAPTURE, OUTPUT, ask, nodes

LABELS = ("SegBlur Camera", "SegBlur Camera 2")
SILENT = "0.12"  # what doesn't tell its version is older than 0.13
CTL_ADDS = (0, 13)  # since this version v4l2loopback-ctl can add a camera to the loaded module
MODPROBE, LOAD = "/etc/modprobe.d/segblur.conf", "/etc/modules-load.d/segblur.conf"
UDEV, UNIT = "/etc/udev/rules.d/61-segblur.rules", "~/.config/systemd/user/segblur.service"
OURS = (MODPROBE, LOAD, UDEV, UNIT)
# As modprobe reads them: of files with the same name the first counts (modprobe.d(5)).
OPTION_FOLDERS = tuple(f"{folder}/modprobe.d" for folder in ("etc", "run", "usr/local/lib", "usr/lib", "lib"))
PATIENCE = 5.0  # seconds that a command may take to answer


@dataclass(frozen=True)
class Node:
    """A video node of v4l2loopback's, or one that bears our label."""

    path: Path
    name: str
    capabilities: int | None = None  # as VIDIOC_QUERYCAP has them; None where it can't be opened
    state: str = ""  # "capture" while somebody writes, "output" else; nothing before v4l2loopback 0.13
    format: str = ""  # "YU12:1280x720@30" while somebody writes
    trouble: str = ""  # why it can't be opened for reading and writing

    @property
    def number(self) -> int:
        """10 of /dev/video10."""
        return int(self.path.name.removeprefix("video"))

    @property
    def is_both(self) -> bool:
        """Whether it says that it takes pictures and delivers them: without exclusive_caps, which browsers want."""
        return self.capabilities is not None and self.capabilities & (CAPTURE | OUTPUT) == CAPTURE | OUTPUT


@dataclass(frozen=True)
class Options:
    """A line of `options v4l2loopback`, without these two words, and the file that it stands in."""

    path: str
    text: str


@dataclass(frozen=True)
class Service:
    """What the user's systemd knows of segblur.service; `exists` is False where it has no such unit."""

    exists: bool = False
    enabled: str = ""  # UnitFileState: enabled, disabled, masked …
    active: str = "inactive"  # ActiveState: active, activating, failed …
    result: str = ""  # of the last run: success, exit-code, watchdog, start-limit-hit …
    code: int = 0  # with which it last ended


@dataclass(frozen=True)
class Machine:
    """A machine. The defaults are of one where nothing is installed."""

    distribution: tuple[str, ...] = ("debian",)  # os-release's ID, then what that is like
    release: str = "13"  # VERSION_ID
    title: str = "Debian GNU/Linux 13 (trixie)"
    kernel: str = "6.12.48+deb13-amd64"
    image_based: bool = False  # installs packages into the next start's system, as Fedora Silverblue does
    rpmfusion: bool = False  # Fedora's repository that has the module is known
    headers: bool = False  # of this kernel, with which a module can be built
    dkms: bool = False  # the module's source is there, to be built for each kernel
    on_disk: str | None = None  # version of the module that modprobe would load
    loaded: str | None = None  # version of the module in the kernel
    taken: tuple[int, ...] = ()  # numbers of all video nodes
    exclusive: str = ""  # "Y,N,N,N": its option exclusive_caps, by the order of the cameras
    users: int = 0  # how many hold one of its devices open
    nodes: tuple[Node, ...] = ()
    options: tuple[Options, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # those of OURS that are there → text
    ctl: str = ""  # path of v4l2loopback-ctl
    systemd: int | None = 252
    service: Service | None = field(default_factory=Service)  # None where no user's systemd answers
    secure_boot: bool | None = False  # None where the firmware doesn't tell
    root: bool = False  # whether it is root who looks

    def node(self, label: str) -> Node | None:
        """The first node with this name."""
        return next((node for node in self.nodes if node.name == label), None)


def version(text: str) -> tuple[int, ...]:
    """(0, 12, 7) of "0.12.7-2ubuntu5"; () of nothing."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()


def look(root: Path = Path("/")) -> Machine:
    """Take the snapshot; `root` is where the system's files lie."""
    release = os_release(root)
    kernel = os.uname().release
    return Machine(
        distribution=(release.get("ID", ""), *release.get("ID_LIKE", "").split()),
        release=release.get("VERSION_ID", ""),
        title=release.get("PRETTY_NAME", "Linux"),
        kernel=kernel,
        image_based=(root / "run/ostree-booted").exists(),
        rpmfusion=(root / "etc/yum.repos.d/rpmfusion-free.repo").exists(),
        headers=(root / "lib/modules" / kernel / "build").is_dir(),
        dkms=(root / "var/lib/dkms/v4l2loopback").is_dir(),
        on_disk=on_disk(root),
        loaded=loaded(root),
        exclusive=read(root / "sys/module/v4l2loopback/parameters/exclusive_caps").strip(),
        users=users(root),
        taken=tuple(int(path.name.removeprefix("video")) for path, _ in nodes(root / "sys/class/video4linux")),
        nodes=loopbacks(root),
        options=options(root),
        files={name: read(place(name, root)) for name in OURS if place(name, root).exists()},
        ctl=find("v4l2loopback-ctl"),
        systemd=next(iter(version((output("systemctl", "--version") or "").removeprefix("systemd "))), None),
        service=service(),
        secure_boot=secure_boot(root),
        root=os.geteuid() == 0,
    )


def place(name: str, root: Path) -> Path:
    """Where one of OURS lies."""
    return Path(name).expanduser() if name.startswith("~") else root / name.lstrip("/")


def read(path: Path) -> str:
    """A text file; nothing where it can't be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def find(program: str) -> str:
    """The path of a program; nothing where there is none. Also where only root has its folder in PATH."""
    for folder in search_path().split(os.pathsep):
        path = Path(folder or ".") / program
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return ""


def search_path() -> str:
    """PATH with the folders of system programs, which Debian's users don't have in theirs."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def output(*words: str) -> str | None:
    """What a command prints; None where it is not there, fails, or takes too long."""
    try:
        result = subprocess.run(
            [find(words[0]) or words[0], *words[1:]],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def os_release(root: Path) -> dict[str, str]:
    """The keys of os-release(5)."""
    found = {}
    for line in (read(root / "etc/os-release") or read(root / "usr/lib/os-release")).splitlines():
        key, equals, value = line.partition("=")
        if equals:
            found[key.strip()] = " ".join(words(value))
    return found


def words(text: str) -> list[str]:
    """As a shell would split it; where it is no shell's text, by its spaces."""
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def secure_boot(root: Path) -> bool | None:
    """Whether the kernel takes signed modules only; the last byte of the firmware's variable says so."""
    folder = root / "sys/firmware/efi"
    if not folder.exists():
        return False  # no UEFI, no Secure Boot
    try:
        return next((folder / "efivars").glob("SecureBoot-*")).read_bytes()[-1:] == b"\1"
    except (OSError, StopIteration):
        return None


def on_disk(root: Path) -> str | None:
    """The version of the module that modprobe would load; 0.12 says none, but DKMS knows it."""
    said = output("modinfo", "-F", "version", "v4l2loopback")
    return said if said or said is None else dkms_version(root)


def dkms_version(root: Path) -> str:
    """The newest version of the module's source that DKMS has."""
    found = [path.name for path in (root / "var/lib/dkms/v4l2loopback").glob("[0-9]*")]
    return max(found, key=version, default=SILENT)


def loaded(root: Path) -> str | None:
    """The version of the module in the kernel."""
    folder = root / "sys/module/v4l2loopback"
    if not folder.is_dir():
        return None
    if said := read(folder / "version").strip():
        return said
    known = dkms_version(root)  # which is of the file, not of what was loaded before it
    if (root / "sys/class/misc/v4l2loopback").exists():  # by which v4l2loopback-ctl adds cameras
        return known if version(known) >= CTL_ADDS else "0.13"
    return known if version(known) < CTL_ADDS else SILENT


def users(root: Path) -> int:
    """The module's use count."""
    for line in read(root / "proc/modules").splitlines():
        name, _, count, *_ = [*line.split(), "0", "0"]
        if name == "v4l2loopback":
            return int(count) if count.isdigit() else 0
    return 0


def loopbacks(root: Path) -> tuple[Node, ...]:
    """The nodes of v4l2loopback, which are those without hardware that have an attribute of its own."""
    sysfs = root / "sys/class/video4linux"
    found = []
    for path, name in nodes(sysfs):
        attributes = sysfs / path.name
        if (attributes / "max_openers").exists() or name in LABELS:
            device = ask(root / str(path).lstrip("/"), name)
            found.append(
                Node(
                    path,
                    name,
                    None if device.trouble else device.capabilities,
                    read(attributes / "state").strip(),
                    read(attributes / "format").strip(),
                    device.trouble,
                )
            )
    return tuple(found)


def options(root: Path) -> tuple[Options, ...]:
    """Every line of `options v4l2loopback`, in the order in which modprobe puts them together."""
    files: dict[str, Path] = {}
    for folder in reversed(OPTION_FOLDERS):
        files |= {path.name: path for path in (root / folder).glob("*.conf")}
    found = []
    for _, path in sorted(files.items()):
        for line in read(path).replace("\\\n", " ").splitlines():
            match = re.match(r"\s*options\s+v4l2loopback\s+(.*\S)", line)
            if match:
                found.append(Options(f"/{path.relative_to(root)}", match[1]))
    return tuple(found)


def service() -> Service | None:
    """The unit, as the user's systemd has it."""
    names = "LoadState,UnitFileState,ActiveState,Result,ExecMainStatus"
    said = output("systemctl", "--user", "show", f"--property={names}", "segblur.service")
    if said is None:
        return None
    facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    code = facts.get("ExecMainStatus", "")
    return Service(
        exists=facts.get("LoadState", "not-found") != "not-found",
        enabled=facts.get("UnitFileState", ""),
        active=facts.get("ActiveState", "inactive"),
        result=facts.get("Result", ""),
        code=int(code) if code.isdigit() else 0,
    )
