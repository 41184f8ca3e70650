"""All settings, each written once: name, type, range, default and meaning.

Sources, strongest first: command line, environment (SEGBLUR_LOOK__BLUR=0.8), ~/.config/segblur/config.toml.
The tree is frozen; a change is a new tree that replaces the old one between two frames.
"""

import os
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from vcam.errors import SettingsError, one_line, sentence

PREFIX = "SEGBLUR_"
LONGEST_LABEL = 31  # bytes: v4l2_capability.card has 32, the last of them 0
BYTE_ORDER_MARK = "\ufeff"  # before the text, by some editors


def at_home(path: Path) -> Path:
    """With the home folder in place of ~; as it is where there is none."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - expanduser of pathlib raises where there is no home


class Section(BaseModel):
    """A part of the tree: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _number_is_no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes true for 1."""
        assert info.field_name is not None
        kind = cls.model_fields[info.field_name].annotation
        if isinstance(value, bool) and {kind, *map(type, get_args(kind))} & {int, float}:
            raise ValueError("must be a number")
        return value


class CameraSettings(Section):
    """Where pictures come from."""

    device: str = Field(
        "auto",
        description="webcam: a path such as /dev/video0, part of its name, auto, or sample, a bundled clip",
    )
    format: Literal["auto", "mjpeg", "yuyv"] = Field("auto", description="what to ask the webcam for")
    fps: int = Field(30, ge=5, le=120, description="frames a second to ask the webcam for")


class OutputSettings(Section):
    """The virtual camera."""

    label: str = Field("SegBlur Camera", description="name of the camera in other programs: at most 31 bytes, no comma")
    width: int = Field(1280, ge=160, le=3840, description="width in pixels, even")
    height: int = Field(720, ge=120, le=2160, description="height in pixels, even")
    pipewire: Literal["auto", "off"] = Field(
        "auto", description="a camera of PipeWire's, which needs no kernel module: auto (where PipeWire runs) or off"
    )

    @field_validator("label")
    @classmethod
    def _fits_the_kernel(cls, value: str) -> str:
        if len(value.encode()) > LONGEST_LABEL:
            raise ValueError(f"must be at most {LONGEST_LABEL} bytes long, because the kernel keeps no more")
        if "," in value:
            raise ValueError("must hold no comma, because the kernel module splits its options there")
        if any(unicodedata.category(letter) == "Cc" for letter in value):
            raise ValueError("must hold no control character, because programs show it")
        if not value.strip():
            raise ValueError("must hold more than blanks, because programs list the camera by it")
        return value

    @field_validator("width", "height")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even, because colour is stored for blocks of 2×2 pixels")
        return value


COLOURS = {
    "black": "#000000",
    "white": "#ffffff",
    "grey": "#808080",
    "red": "#c00000",
    "green": "#00b140",  # the two that studios paint their walls with, to cut people out by
    "blue": "#0047bb",
}


class LookSettings(Section):
    """What the picture looks like."""

    # The floor keeps the blur, and what is laid over it, from being undone.
    blur: float = Field(0.5, ge=0.2, le=1.0, description="strength of blur, bokeh, pixelate, grey and dim")
    on: Literal["background", "person"] = Field(
        "background", description="what the effect hides: background, or person, which shows the room"
    )
    colour: str = Field("#00b140", description=f"of the effect colour: #rrggbb or one of {', '.join(COLOURS)}")
    picture: Path | None = Field(None, description="file of the effect picture")
    video: Path | None = Field(None, description="file of the effect video, which is shown again and again")
    # The last, because its files have to be known.
    effect: Literal["blur", "bokeh", "pixelate", "grey", "dim", "colour", "picture", "video", "transparent", "off"] = (
        Field(
            "blur",
            description="blur, bokeh, pixelate, grey, dim, colour, picture, video, or for segblur image transparent",
        )
    )

    @field_validator("picture", "video", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("picture", "video")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        return value and at_home(value)

    @field_validator("colour")
    @classmethod
    def _hexadecimal(cls, value: str) -> str:
        colour = COLOURS.get(value, value).lower()
        if not re.fullmatch("#[0-9a-f]{6}", colour):
            raise ValueError(f"must be #rrggbb, such as #00b140, or one of {', '.join(COLOURS)}")
        return colour

    @field_validator("effect")
    @classmethod
    def _with_a_file(cls, value: str, info: ValidationInfo) -> str:
        if value in ("picture", "video") and not info.data.get(value):
            raise ValueError(f"there is no look.{value}; name a file")
        return value

    @property
    def shows_room(self) -> bool:
        """Whether the room is shown as it is."""
        return self.effect == "off" or self.on == "person"

    @property
    def file(self) -> Path | None:
        """That of the effect, where it is one of a file."""
        return {"picture": self.picture, "video": self.video}.get(self.effect)


class FramingSettings(Section):
    """Which part of the webcam's picture is shown, and who in it."""

    mirror: bool = Field(False, description="swap left and right: true or false")
    crop: Literal["off", "fixed", "auto"] = Field(
        "off",
        description="part of the webcam's picture to show: off (all of it), fixed (by zoom, x and y) or auto, which "
        "gently follows head and shoulders",
    )
    zoom: float = Field(
        1.5, ge=1.0, le=2.0, description="enlargement of the fixed part, and the most that auto enlarges"
    )
    x: float = Field(
        0.5, ge=0.0, le=1.0, description="middle of the fixed part, from 0 (left, as the webcam sees it) to 1 (right)"
    )
    y: float = Field(0.5, ge=0.0, le=1.0, description="middle of the fixed part, from 0 (top) to 1 (bottom)")
    people: Literal["all", "nearest"] = Field(
        "all", description="who is kept: all, or only the nearest, everybody else being background"
    )


class PictureSettings(Section):
    """Corrections of the webcam's picture, before anything is put behind the person."""

    light: float = Field(0.0, ge=-1.0, le=1.0, description="darker, as it is (0) or lighter")
    warmth: float = Field(0.0, ge=-1.0, le=1.0, description="more bluish, as it is (0) or more reddish")
    rotate: Literal[0, 90, 180, 270] = Field(
        0, description="degrees by which the picture is turned clockwise: 0, 90, 180 or 270"
    )

    @field_validator("rotate", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,3}", value) else value


def for_camera(look: LookSettings) -> LookSettings:
    """The same, if a camera or a video can look so. Raises SettingsError."""
    if look.effect == "transparent":
        raise SettingsError(
            "look.effect can't be transparent here, because only pictures know transparency: take colour with green, "
            "or segblur image"
        )
    return look


def changed_look(look: LookSettings, values: dict[str, Any]) -> LookSettings:
    """The same with some settings changed, by name. Raises SettingsError."""
    try:
        return LookSettings.model_validate(look.model_dump() | values)
    except ValidationError as error:
        raise SettingsError(one_line(f"look.{sentence(error, place())}")) from None


class NetworkSettings(Section):
    """The network that finds people."""

    weights: Path | None = Field(None, description="weights file; default: the one that is shipped")
    engine: Literal["auto", "torch", "openvino"] = Field(
        "auto", description="what runs the network: torch, openvino, or auto, the fastest there is"
    )
    device: Literal["auto", "cpu", "cuda", "intel-gpu", "npu"] = Field(
        "auto",
        description="where it runs: cpu, cuda, intel-gpu, npu (the last two by openvino), or auto: cuda, else cpu",
    )
    size: Literal["fast", "fine"] = Field(
        "fast",
        description="picture that the network sees: fast (320×176 by the shipped weights) or fine (384×224), which is "
        "the default of `segblur image`",
    )
    keep: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        ("person",), min_length=1, description="what stays sharp, with commas between; the shipped weights know person"
    )
    threads: int = Field(1, ge=1, le=64, description="CPU threads of the network")

    @field_validator("weights", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("weights")
    @classmethod
    def _home(cls, value: Path | None) -> Path | None:
        return value and at_home(value)

    @field_validator("keep", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


class IdleSettings(Section):
    """What happens when there are no readers any more."""

    webcam: float = Field(
        5.0, ge=0.0, le=3600.0, description="seconds for which the webcam stays on after the last program has left"
    )
    network: float = Field(
        300.0, ge=0.0, le=86400.0, description="seconds for which the network stays in memory after that"
    )


class DesktopSettings(Section):
    """What the desktop shows of the service."""

    bus: bool = Field(True, description="be on D-Bus, for the icon in the panel, shells and keys: true or false")
    notify: Literal["all", "important", "none"] = Field(
        "important", description="what the icon notifies of: all (also that the webcam is on), important, or none"
    )


class Settings(Section):
    """The whole tree."""

    camera: CameraSettings = CameraSettings()
    output: OutputSettings = OutputSettings()
    look: LookSettings = LookSettings()
    framing: FramingSettings = FramingSettings()
    picture: PictureSettings = PictureSettings()
    network: NetworkSettings = NetworkSettings()
    idle: IdleSettings = IdleSettings()
    desktop: DesktopSettings = DesktopSettings()


def config_path() -> Path:
    """Where the settings file lies, whether it exists or not. Raises SettingsError where this user has no place."""
    path = place()
    if path is None:
        raise SettingsError("there is no home folder for the settings file; set HOME to one")
    return path


def place() -> Path | None:
    """As `config_path`; None for a user without a home, as in containers."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():  # such values are to be ignored, says the XDG base directory specification
        home = at_home(Path("~"))
        if not home.is_absolute():
            return None
        base = home / ".config"
    return base / "segblur" / "config.toml"


def read_file(path: Path) -> str:
    """The text of a settings file; "" where there is none, or /dev/null in its place. Raises SettingsError."""
    try:
        if not path.exists() or os.path.realpath(path) == os.devnull:
            return ""
        if not path.is_file():
            raise SettingsError(f"{path} is not a file; move it away")
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from None


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Section, name and definition of every setting."""
    for section, part in Settings.model_fields.items():
        assert isinstance(part.annotation, type)
        for name, field in part.annotation.model_fields.items():
            yield section, name, field


def load_settings(overrides: dict[str, dict[str, Any]] | None = None, path: Path | None = None) -> Settings:
    """The settings of file, environment and `overrides` (section → name → value). Raises SettingsError with one
    sentence that names the key.
    """
    path = path or place()
    known = {f"{PREFIX}{section}__{name}".upper(): (section, name) for section, name, _ in fields()}
    environment: dict[str, dict[str, Any]] = {}
    for variable, value in os.environ.items():
        if not variable.upper().startswith(PREFIX):
            continue
        if variable.upper() not in known:
            raise SettingsError(f"the environment variable {variable} is not a setting; see segblur run --help")
        section, name = known[variable.upper()]
        environment.setdefault(section, {})[name] = value
    try:
        tree = tomllib.loads(read_file(path).removeprefix(BYTE_ORDER_MARK)) if path else {}
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    for stronger in (environment, overrides or {}):
        for section, part in stronger.items():
            weaker = tree.get(section, {})
            tree[section] = (weaker if isinstance(weaker, dict) else {}) | part
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(sentence(error, path)) from None
    if settings.look.effect == "off":  # a line in a file must not be enough to show a room
        raise SettingsError("look.effect can't be off: segblur effect off shows the room, until the service ends")
    return settings
