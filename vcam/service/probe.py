"""A file for the room's place is looked at before it is taken, by a process of its own: what a damaged one does to a
decoder stays there, and the keeper stays small.
"""

import asyncio
import os
import sys
from pathlib import Path

from vcam.errors import PictureError
from vcam.settings import LookSettings, for_camera

PATIENCE = 20.0  # seconds
LONGEST = 2000  # bytes of a sentence


async def check_look(look: LookSettings, *also: str) -> None:
    """See that a camera can look so, the files of the effect included, and those of the effects `also`, "picture" or
    "video". Raises SettingsError, PictureError.
    """
    for_camera(look)
    for kind in ("picture", "video"):
        path: Path | None = getattr(look, kind)
        if path is not None and kind in (look.effect, *also):
            await look_at(kind, path)


async def look_at(kind: str, path: Path) -> None:
    """See that a file can be shown. Raises PictureError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "vcam.effects.backdrop", kind, os.fspath(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    except TimeoutError:
        raise PictureError(f"{path} could not be read within {PATIENCE:.0f} seconds; take another") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        sentence = " ".join(os.fsdecode(output[:LONGEST]).split())
        raise PictureError(sentence or f"{path} can't be read: the decoder failed; take another")
