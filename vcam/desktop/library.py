"""What there is to choose from: asked of the service by its control socket, in a thread, since D-Bus does not tell."""

import asyncio
from typing import Any

from vcam.control import client
from vcam.desktop.menu import Library, Picture
from vcam.desktop.notices import Wanted
from vcam.desktop.seen import sendable
from vcam.errors import SegBlurError
from vcam.media.gallery import entries

PATIENCE = 3.0  # seconds


async def read_library() -> Library:
    """Pictures, videos and profiles; what can't be asked for is left out."""
    return await asyncio.to_thread(read)


async def read_setting() -> Wanted:
    """The setting desktop.notify; its default where there is no answer."""
    status = await asyncio.to_thread(ask, "status")
    wanted: Wanted = status.get("settings", {}).get("desktop", {}).get("notify", "important")
    return wanted


def read() -> Library:
    """The same, waiting for it."""
    look = ask("status").get("settings", {}).get("look", {})
    known = ask("profile", list=True)
    effect = look.get("effect")
    return Library(
        gallery=tuple(
            Picture(entry.name, entry.kind, path)
            for entry in entries()
            if sendable(path := str(entry.path)) == path  # else it is no text that D-Bus takes
        ),
        profiles=tuple(known.get("profiles", ())),
        profile=known.get("current", ""),
        shown=str(look.get(effect) or "") if effect in ("picture", "video") else "",
    )


def ask(do: str, **arguments: Any) -> dict[str, Any]:
    """The service's answer; an empty one where it has none."""
    try:
        return client.ask(do, timeout=PATIENCE, **arguments)
    except SegBlurError:
        return {}
