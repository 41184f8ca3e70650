"""The store of weights: private copies, each named by the sha256 of its content, so that no program changes a file
that is in use, and a list of those that showed good frames, to go back to.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import stat
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vcam.errors import SettingsError
from vcam.system.atomic_write import UNFINISHED, replaced, write

log = logging.getLogger("segblur.store")

LARGEST = 2 * 1024**3  # bytes, as segnet.weights has it, which would import torch
CHUNK = 1024 * 1024
SUFFIX = ".safetensors"
SHIPPED = ""  # in place of the sha256 of the weights that come with the program: they need no copy
HISTORY = "history.json"
LONGEST_HISTORY = 1024 * 1024  # bytes
REMEMBERED = 100  # entries
STALE = 3600.0  # seconds after which a copy that was begun counts as abandoned


@dataclass(frozen=True)
class Entry:
    """Weights that showed a good frame."""

    sha256: str  # of the whole file; SHIPPED for those that come with the program
    source: str  # the path that they were copied from
    time: float  # of the first good frame, seconds since 1970
    size: int  # bytes


def store_path() -> Path:
    """The folder of the store, made where it is not there, open to its owner alone. Raises SettingsError."""
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():  # such values are to be ignored, says the XDG base directory specification
        base = Path.home() / ".local" / "state"
    store = base / "segblur" / "weights"
    try:
        base.mkdir(parents=True, exist_ok=True)
        for folder in (store.parent, store):
            folder.mkdir(mode=0o700, exist_ok=True)
        store.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"the folder {store} for weights can't be made: {error.strerror}; make it, or set XDG_STATE_HOME"
        ) from None
    return store


def admit(path: Path, store: Path) -> Path:
    """A copy of the weights file in the store, whole and named by its content; one that is there already is not
    written again. Reads up to 2 GiB two or three times: not for an event loop. Raises SettingsError, and leaves the
    store as it was then.

    Only the file itself has to be safe from others, not its folder: who can put another file there can't make it ours.
    """
    with opened(path) as source:
        before = os.fstat(source)
        check(path, before)
        sha256 = copy(source, None, before.st_size)
        target = store / f"{sha256}{SUFFIX}"
        if holds(target, sha256, before.st_size):
            same(path, source, before)
            return target
        with translated(path, store), replaced(target) as (descriptor, _):
            if copy(source, descriptor, before.st_size) != sha256:
                raise unfinished(path)
            same(path, source, before)
        return target


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of the file, of whatever kind. What its reader raises becomes a SettingsError too."""
    try:
        # Not blocking, because a pipe without a writer would hold us up for ever.
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            yield source
        finally:
            os.close(source)
    except ValueError:
        raise SettingsError(f"{str(path)!r} is not a path; name a weights file") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be used as weights: {remedy(path, error)}") from None


def remedy(path: Path, error: OSError) -> str:
    """What is wrong with reading a file, and what to do."""
    wrong = {
        errno.ENOENT: "there is no such file; name one that exists",
        errno.ENOTDIR: "a part of its path is not a folder; name a file that exists",
        errno.EACCES: f"it may not be read; make it readable (chmod u+r {path})",
        errno.ELOOP: "it is a link that leads in a circle; name the file itself",
        errno.ENXIO: "it is not a file; name the weights file itself",
        errno.ENAMETOOLONG: "its name is too long; name a file that exists",
    }
    return wrong.get(error.errno or 0, f"{error.strerror}; copy it to another place and name that")


def check(path: Path, found: os.stat_result) -> None:
    """Whether the open file is one that only we, or root, can have written. Raises SettingsError."""
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a file"
        raise SettingsError(f"{path} is {kind}; name the weights file itself")
    if found.st_uid not in (os.getuid(), 0):
        raise SettingsError(f"{path} belongs to another user; copy it, and name your copy")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(f"{path} can be changed by other users; take that from them (chmod go-w {path})")
    if not found.st_size:
        raise SettingsError(f"{path} is empty; wait until it is written, or copy it again")
    if found.st_size > LARGEST:
        raise SettingsError(
            f"{path} has {found.st_size} bytes, more than the {LARGEST} of a weights file; name another"
        )


def copy(source: int, target: int | None, size: int) -> str:
    """The sha256 of a descriptor's first `size` bytes, written to `target` where one is given. Raises OSError."""
    total, at = hashlib.sha256(), 0
    while at < size and (data := os.pread(source, min(CHUNK, size - at), at)):
        total.update(data)
        at += len(data)
        if target is not None:
            write(target, data)
    return total.hexdigest()


def holds(target: Path, sha256: str, size: int) -> bool:
    """Whether that copy is in the store already, undamaged."""
    try:
        there = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        found = os.fstat(there)
        return stat.S_ISREG(found.st_mode) and found.st_size == size and copy(there, None, size) == sha256
    except OSError:
        return False
    finally:
        os.close(there)


@contextlib.contextmanager
def translated(path: Path, store: Path) -> Iterator[None]:
    """What keeps `path` from being written to the store, as a SettingsError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full; make room" if full else f"{error.strerror}; see to that folder"
        raise SettingsError(f"{path} can't be written to {store}: {what}, and try again") from None


def same(path: Path, source: int, before: os.stat_result) -> None:
    """Raise SettingsError where the open file has been written to since."""
    now = os.fstat(source)
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise unfinished(path)


def unfinished(path: Path) -> SettingsError:
    """The error for a file that changes under our eyes."""
    return SettingsError(f"{path} is still being written; try again")


def remember(store: Path, copy: Path | None, source: str, now: float) -> None:
    """Note that these weights showed a good frame; `copy` is None for those that come with the program. `now` is in
    seconds since 1970. Raises SettingsError where the store can't be written; the history is then as it was.
    """
    sha256 = SHIPPED if copy is None else copy.stem
    try:
        size = 0 if copy is None else copy.stat().st_size
    except OSError as error:
        raise SettingsError(f"{copy} is gone from the store: {error.strerror}; use {source} again") from None
    newest = Entry(sha256, source, now, size)
    entries = [newest, *(entry for entry in history(store) if entry.sha256 != sha256)][:REMEMBERED]
    text = json.dumps([asdict(old) for old in entries], indent=1) + "\n"
    with translated(Path(HISTORY), store), replaced(store / HISTORY) as (descriptor, _):
        write(descriptor, text.encode())


def history(store: Path) -> list[Entry]:
    """Weights that showed good frames and are still in the store, the newest first; none where the list is damaged."""
    try:
        with (store / HISTORY).open("rb") as file:
            text = file.read(LONGEST_HISTORY + 1)
        if len(text) > LONGEST_HISTORY:
            raise ValueError("it is too long")
        entries = [entry(item) for item in json.loads(text)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        log.warning("the history of weights in %s is damaged (%s): it begins anew", store / HISTORY, error)
        return []
    return [old for old in entries if old.sha256 == SHIPPED or there(store, old)]


def entry(item: Any) -> Entry:
    """One entry as JSON has it. Raises ValueError, TypeError."""
    made = Entry(**item)
    if not re.fullmatch(rf"[0-9a-f]{{64}}|{SHIPPED}", str(made.sha256)):
        raise ValueError(f"{made.sha256!r:.80} is not a sha256")
    if type(made.source) is not str or type(made.size) is not int or type(made.time) not in (int, float):
        raise TypeError(f"{made!r:.80} has a value of the wrong type")
    return made


def there(store: Path, old: Entry) -> bool:
    """Whether the copy of an entry is still in the store."""
    try:
        return place(store, old).stat().st_size == old.size
    except OSError:
        return False


def place(store: Path, old: Entry) -> Path:
    """Where the copy of an entry lies; not for SHIPPED."""
    return store / f"{old.sha256}{SUFFIX}"


def previous(store: Path, current: str) -> Entry | None:
    """The newest weights of the history that are not those of the sha256 `current`: where to go back to."""
    return next((old for old in history(store) if old.sha256 != current), None)


def prune(store: Path, using: Collection[Path], keep: int = 5) -> None:
    """Remove all copies but those in use or on trial, `using`, and the newest `keep` of the history; and what a crash
    left half written. Not while a file is being admitted, as its copy may be neither yet. What can't be removed stays.
    """
    stay = {*using, *(place(store, old) for old in history(store)[:keep])}
    long_ago = time.time() - STALE
    for path in (*store.glob(f"*{SUFFIX}"), *store.glob(UNFINISHED)):
        with contextlib.suppress(OSError):
            if path not in stay and (path.suffix == SUFFIX or path.stat().st_mtime < long_ago):
                path.unlink()
