"""The facts about this machine that setup and doctor share: a snapshot, which a test can make up."""

import getpass
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vcam.devices.pipewire_library import load
from vcam.devices.v4l2 import CAPTURE, OUTPUT, ask, nodes
from vcam.errors import OutputError
from vcam.system.program import program

LABELS = ("SegBlur Camera", "SegBlur Camera 2")
UNIT_NAME = "segblur.service"
UNVERSIONED = "0.12"  # a module that doesn't report its version is older than 0.13
CTL_ADDS = (0, 13)  # since this version v4l2loopback-ctl can add a camera to the loaded module
# As modprobe reads them: of files with the same name the first counts (modprobe.d(5)).
OPTION_FOLDERS = tuple(f"{folder}/modprobe.d" for folder in ("etc", "run", "usr/local/lib", "usr/lib", "lib"))
ICON_CACHE = "~/.local/share/icons/hicolor/icon-theme.cache"  # where there is one, it hides icons that it doesn't list
COMMAND_TIMEOUT = 5.0  # seconds
# Where root looks for programs: one that root or udev shall start must not lie where only this user can put it.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Node:
    """A video node of v4l2loopback, or one with our label."""

    path: Path
    name: str
    capabilities: int | None = None  # of VIDIOC_QUERYCAP; None where it can't be opened
    state: str = ""  # "capture" while a program writes, else "output"; "" before v4l2loopback 0.13
    format: str = ""  # "YU12:1280x720@30" while a program writes
    trouble: str = ""  # why it can't be opened for reading and writing

    @property
    def number(self) -> int:
        """10 of /dev/video10."""
        return int(self.path.name.removeprefix("video"))

    @property
    def lacks_exclusive_caps(self) -> bool:
        """Whether it is both a capture and an output device: browsers list only what is one of them at a time."""
        return self.capabilities is not None and self.capabilities & (CAPTURE | OUTPUT) == CAPTURE | OUTPUT


@dataclass(frozen=True)
class Options:
    """A line `options v4l2loopback …` without these two words, and its file."""

    path: str
    text: str


@dataclass(frozen=True)
class Service:
    """The state of segblur.service in the user's systemd; `exists` is False where it has no such unit."""

    exists: bool = False
    enabled: str = ""  # UnitFileState: enabled, disabled, masked …
    active: str = "inactive"  # ActiveState: active, activating, failed …
    result: str = ""  # of the last run: success, exit-code, watchdog, start-limit-hit …
    code: int = 0  # exit code of the last run

    @property
    def is_running(self) -> bool:
        """Whether it has a process, or is about to."""
        return self.active in ("active", "activating", "reloading", "deactivating")


@dataclass(frozen=True)
class Machine:
    """A machine. The defaults describe one where nothing is installed."""

    distribution: tuple[str, ...] = ("debian",)  # ID of os-release, then its ID_LIKE
    release: str = "13"  # VERSION_ID
    title: str = "Debian GNU/Linux 13 (trixie)"
    kernel: str = "6.12.48+deb13-amd64"
    image_based: bool = False  # packages are installed for the next start only, as on Fedora Silverblue
    rpmfusion: bool = False  # the repository that has the module for Fedora is enabled
    headers: bool = False  # of this kernel, to build modules
    dkms: bool = False  # the module's source is there, to be built for each kernel
    on_disk: str | None = None  # version of the module that modprobe would load
    loaded: str | None = None  # version of the module in the kernel
    numbers: tuple[int, ...] = ()  # of all video nodes
    exclusive_caps: str = ""  # the module's parameter, in the order of its cameras: "Y,N,N,N"
    use_count: int = 0  # of the module: how many open files its devices have
    nodes: tuple[Node, ...] = ()
    options: tuple[Options, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # path → text of each file of setup that is there
    ctl: str = ""  # path of v4l2loopback-ctl
    systemd: int | None = 252
    service: Service | None = field(default_factory=Service)  # None where systemd doesn't answer for this user
    secure_boot: bool | None = False  # None where the firmware doesn't say
    pipewire: str = ""  # version of its library, where the service offers a camera by it
    wireplumber: bool = False  # whether it is installed, PipeWire's session manager
    menu_cache: bool = False  # whether update-desktop-database is there
    icon_cache: bool = False  # whether the user's icons have a cache, and gtk-update-icon-cache is there
    is_root: bool = False  # whether this process runs as root
    program: tuple[str, ...] = ("segblur",)  # the words that start this segblur

    def node(self, label: str) -> Node | None:
        """The first node with this name."""
        return next((node for node in self.nodes if node.name == label), None)


def version(text: str) -> tuple[int, ...]:
    """(0, 12, 7) of "0.12.7-2ubuntu5"; () of nothing."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()


def snapshot(root: Path = Path("/"), files: Iterable[str] = (), pipewire: bool = True) -> Machine:
    """The machine as it is; `root` is where the system's files are, `files` are those whose text is wanted, `pipewire`
    is whether the settings want a camera by PipeWire.
    """
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
        exclusive_caps=read(root / "sys/module/v4l2loopback/parameters/exclusive_caps").strip(),
        use_count=use_count(root),
        numbers=tuple(int(path.name.removeprefix("video")) for path, _ in nodes(root / "sys/class/video4linux")),
        nodes=loopbacks(root),
        options=options(root),
        files={name: read(resolve(name, root)) for name in files if resolve(name, root).exists()},
        ctl=find_program("v4l2loopback-ctl", SYSTEM_PATH),
        systemd=next(iter(version((output("systemctl", "--version") or "").removeprefix("systemd "))), None),
        service=service(),
        secure_boot=secure_boot(root),
        pipewire=pipewire_version() if pipewire else "",
        wireplumber=bool(find_program("wireplumber")),
        menu_cache=bool(find_program("update-desktop-database")),
        icon_cache=resolve(ICON_CACHE, root).exists() and bool(find_program("gtk-update-icon-cache")),
        is_root=os.geteuid() == 0,
        program=program(),
    )


def user() -> str:
    """The login name; "" where this user has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def resolve(name: str, root: Path) -> Path:
    """Path of a file of setup, which is below `root` or, with ~, in the home folder."""
    return Path(name).expanduser() if name.startswith("~") else root / name.lstrip("/")


def read(path: Path) -> str:
    """The text of a file; "" where it can't be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def find_program(name: str, folders: str = "") -> str:
    """The path of a program in these folders (default: search_path); "" where there is none."""
    for folder in (folders or search_path()).split(os.pathsep):
        path = Path(folder or ".") / name
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return ""


def search_path() -> str:
    """PATH with the folders of system programs, which users of Debian don't have in theirs."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def output(*words: str) -> str | None:
    """What a command prints; None where it is missing, fails, or takes too long."""
    try:
        result = subprocess.run(
            [find_program(words[0]) or words[0], *words[1:]],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT,
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
    """The text split as a shell would; at its spaces where a quote is not closed."""
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def secure_boot(root: Path) -> bool | None:
    """Whether the kernel loads only signed modules, by the last byte of the firmware's variable."""
    folder = root / "sys/firmware/efi"
    if not folder.exists():
        return False  # no UEFI, no Secure Boot
    try:
        return next((folder / "efivars").glob("SecureBoot-*")).read_bytes()[-1:] == b"\1"
    except (OSError, StopIteration):
        return None


def on_disk(root: Path) -> str | None:
    """The version of the module that modprobe would load; 0.12 reports none, but DKMS knows it."""
    reported = output("modinfo", "-F", "version", "v4l2loopback")
    return reported if reported or reported is None else dkms_version(root)


def dkms_version(root: Path) -> str:
    """The newest version of the module's source that DKMS has."""
    found = [path.name for path in (root / "var/lib/dkms/v4l2loopback").glob("[0-9]*")]
    return max(found, key=version, default=UNVERSIONED)


def loaded(root: Path) -> str | None:
    """The version of the module in the kernel."""
    folder = root / "sys/module/v4l2loopback"
    if not folder.is_dir():
        return None
    if reported := read(folder / "version").strip():
        return reported
    known = dkms_version(root)  # of the file, which may be newer than what is loaded
    if (root / "sys/class/misc/v4l2loopback").exists():  # by which v4l2loopback-ctl adds cameras
        return known if version(known) >= CTL_ADDS else "0.13"
    return known if version(known) < CTL_ADDS else UNVERSIONED


def use_count(root: Path) -> int:
    """The module's use count."""
    for line in read(root / "proc/modules").splitlines():
        name, _, count, *_ = [*line.split(), "0", "0"]
        if name == "v4l2loopback":
            return int(count) if count.isdigit() else 0
    return 0


def loopbacks(root: Path) -> tuple[Node, ...]:
    """The nodes of v4l2loopback, known by an attribute that only this driver has, and those with our labels."""
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
    """Every line `options v4l2loopback …`, in the order in which modprobe joins them."""
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


def pipewire_version() -> str:
    """The version of PipeWire's library; "" where none is here by which a camera can be offered."""
    try:
        return str(load().pw_get_library_version().decode())
    except OutputError:
        return ""


def service() -> Service | None:
    """The state of our unit in the user's systemd; None where that doesn't answer."""
    names = "LoadState,UnitFileState,ActiveState,Result,ExecMainStatus"
    shown = output("systemctl", "--user", "show", f"--property={names}", UNIT_NAME)
    if shown is None:
        return None
    facts = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    code = facts.get("ExecMainStatus", "")
    return Service(
        exists=facts.get("LoadState", "not-found") != "not-found",
        enabled=facts.get("UnitFileState", ""),
        active=facts.get("ActiveState", "inactive"),
        result=facts.get("Result", ""),
        code=int(code) if code.isdigit() else 0,
    )
