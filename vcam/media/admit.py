"""What the gallery takes: which files, how large, and how they are looked at before."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Literal

from vcam.errors import PictureError

Kind = Literal["picture", "video"]

KINDS: dict[str, Kind] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp"), "picture"),
    **dict.fromkeys((".mp4", ".m4v", ".webm", ".mkv", ".mov"), "video"),
}
FORMATS = ("JPEG", "PNG", "WEBP")  # of Pillow's decoders, the ones that are tried
MOST_BYTES = {"picture": 100_000_000, "video": 500_000_000}
MOST_PIXELS = 40_000_000  # of a picture
PATIENCE = 60.0  # seconds to look at a file
TAKEN = "take a JPEG, PNG, WebP, MP4, WebM, MKV or MOV file"
HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")  # pictures in MP4's container
QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # how a film may begin that is older than "ftyp"


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """The file, if it is an ordinary one; nothing else is opened. Raises PictureError."""
    name = cleaned(path.name)
    try:
        demand_ordinary(name, path.stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise PictureError(f"{name} can't be read: {getattr(error, 'strerror', None) or error}; {TAKEN}") from None
    with os.fdopen(descriptor, "rb") as source:
        demand_ordinary(name, os.fstat(descriptor).st_mode)  # it may be another by now
        yield source


def demand_ordinary(name: str, mode: int) -> None:
    """Raise PictureError for all but ordinary files: reading others may take for ever, or do something."""
    if stat.S_ISDIR(mode):
        raise PictureError(f"{name} is a folder; add the files in it")
    if not stat.S_ISREG(mode):
        raise PictureError(f"{name} is no ordinary file; {TAKEN}")


def demand_bytes(name: str, kind: Kind, size: int) -> None:
    """Raise PictureError for a file that is too large."""
    if size > MOST_BYTES[kind]:
        most = MOST_BYTES[kind] // 1_000_000
        raise PictureError(f"{name} is {-(-size // 1_000_000)} MB; take one of at most {most} MB")


def ending_of(path: Path, head: bytes) -> str:
    """The ending that a copy gets: its own if it fits what the first bytes say. Raises PictureError."""
    by_content = told(head)
    if by_content is None:
        what = "is empty" if not head else "is no picture or video of a kind that the gallery takes"
        raise PictureError(f"{cleaned(path.name)} {what}; {TAKEN}")
    ending = path.suffix.lower()
    return ending if KINDS.get(ending) == KINDS[by_content] else by_content


def told(head: bytes) -> str | None:
    """The ending that fits the first 64 bytes of a file, None for what the gallery doesn't take."""
    if head.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ".webp"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return ".webm" if b"webm" in head else ".mkv"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return None if brand in HEIF else ".mov" if brand == b"qt  " else ".mp4"
    return ".mov" if head[4:8] in QUICKTIME else None


def check(name: str, kind: Kind, path: Path) -> None:
    """See that a file can be shown, by a process of its own: what a damaged one does to a decoder stays there. Raises
    PictureError.
    """
    if kind == "picture":
        demand_pixels(name, path)
    try:
        done = by_another(PATIENCE, "vcam.effects.backdrop", kind, os.fspath(path))
    except subprocess.TimeoutExpired:
        raise PictureError(f"{name} could not be read within {PATIENCE:.0f} seconds; take another") from None
    if done.returncode:
        output = " ".join(os.fsdecode(done.stdout[:2000]).split()).replace(str(path), name)
        raise PictureError(cleaned(output) or f"{name} can't be read: the decoder failed; take another")


def demand_pixels(name: str, path: Path) -> None:
    """Raise PictureError for a picture that is too large, by what its first bytes say: nothing is decoded. What they
    don't say is left to the decoder.
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # we have a limit of our own, and Pillow's would say nothing of the remedy
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
    except Exception:  # noqa: BLE001 - of broken files Pillow raises whatever it likes
        return
    if width * height > MOST_PIXELS:
        most = MOST_PIXELS // 1_000_000
        raise PictureError(f"{name} is {width}×{height}; scale it down to at most {most} million pixels")


def by_another(patience: float, module: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """What a module of ours says, run as a process of its own. Raises TimeoutExpired."""
    command = [sys.executable, "-P", "-m", module, *words]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=patience,
        check=False,
    )


def cleaned(text: str) -> str:
    """Without what can't be printed, or is no text at all."""
    return "".join(letter if letter.isprintable() else "_" for letter in text)
