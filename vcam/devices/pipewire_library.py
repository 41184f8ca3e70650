"""libpipewire by ctypes, as far as a camera needs it: functions, structures, and the tables of what it calls back.

After pipewire/stream.h, pipewire/core.h, spa/buffer/buffer.h, spa/buffer/meta.h and spa/support/loop.h; what is used
here lies at the same place in all versions from OLDEST to 1.6.
"""

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

from vcam.errors import OutputError

NAME = "libpipewire-0.3.so.0"
OLDEST = (0, 3, 40)  # since then a stream can be its own clock, and has the table of events below
HOOK_BYTES = 64  # struct spa_hook takes 48
OUTPUT, ANY = 1, 0xFFFFFFFF  # PW_DIRECTION_OUTPUT, PW_ID_ANY
INPUT, AUTOCONNECT = 0, 1 << 0
MAP_BUFFERS, DRIVER = 1 << 2, 1 << 3
ERROR, UNCONNECTED, CONNECTING, PAUSED, STREAMING = -1, 0, 1, 2, 3  # states of a stream
HEADER, BUSY = 1, 7  # kinds of metadata

POINTERS, TEXT, NUMBER = c_void_p, c_char_p, c_int
# Every function: what it gives, what it takes.
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "pw_init": (None, [c_void_p, c_void_p]),
    "pw_get_library_version": (c_char_p, []),
    "pw_loop_new": (c_void_p, [c_void_p]),
    "pw_loop_destroy": (None, [c_void_p]),
    "pw_context_new": (c_void_p, [c_void_p, c_void_p, ctypes.c_size_t]),
    "pw_context_destroy": (None, [c_void_p]),
    "pw_context_connect": (c_void_p, [c_void_p, c_void_p, ctypes.c_size_t]),
    "pw_core_disconnect": (c_int, [c_void_p]),
    "pw_proxy_add_object_listener": (None, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "pw_properties_new_string": (c_void_p, [c_char_p]),
    "pw_stream_new": (c_void_p, [c_void_p, c_char_p, c_void_p]),
    "pw_stream_destroy": (None, [c_void_p]),
    "pw_stream_add_listener": (None, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "pw_stream_connect": (c_int, [c_void_p, c_int, c_uint32, c_int, c_void_p, c_uint32]),
    "pw_stream_get_state": (c_int, [c_void_p, c_void_p]),
    "pw_stream_update_params": (c_int, [c_void_p, c_void_p, c_uint32]),
    "pw_stream_dequeue_buffer": (c_void_p, [c_void_p]),
    "pw_stream_queue_buffer": (c_int, [c_void_p, c_void_p]),
    "pw_stream_trigger_process": (c_int, [c_void_p]),
}

StateChanged = CFUNCTYPE(None, c_void_p, c_int, c_int, c_char_p)  # data, old, new, error
ParamChanged = CFUNCTYPE(None, c_void_p, c_uint32, c_void_p)  # data, id, pod
BufferChanged = CFUNCTYPE(None, c_void_p, c_void_p)  # data, buffer
CoreError = CFUNCTYPE(None, c_void_p, c_uint32, c_int, c_int, c_char_p)  # data, id, sequence, result, message


class StreamEvents(Structure):
    """struct pw_stream_events, version 2."""

    _fields_ = (
        ("version", c_uint32),
        ("destroy", c_void_p),
        ("state_changed", StateChanged),
        ("control_info", c_void_p),
        ("io_changed", c_void_p),
        ("param_changed", ParamChanged),
        ("add_buffer", BufferChanged),
        ("remove_buffer", BufferChanged),
        ("process", c_void_p),
        ("drained", c_void_p),
        ("command", c_void_p),
        ("trigger_done", c_void_p),
    )


class CoreEvents(Structure):
    """struct pw_core_events, version 0, as far as its fourth event."""

    _fields_ = (
        ("version", c_uint32),
        ("info", c_void_p),
        ("done", c_void_p),
        ("ping", c_void_p),
        ("error", CoreError),
        ("remove_id", c_void_p),
        ("bound_id", c_void_p),
        ("add_mem", c_void_p),
        ("remove_mem", c_void_p),
    )


class Chunk(Structure):
    """struct spa_chunk: which part of a block is valid."""

    _fields_ = (("offset", c_uint32), ("size", c_uint32), ("stride", c_int32), ("flags", c_int32))


class Block(Structure):
    """struct spa_data."""

    _fields_ = (
        ("type", c_uint32),
        ("flags", c_uint32),
        ("fd", c_int64),
        ("mapoffset", c_uint32),
        ("maxsize", c_uint32),
        ("data", c_void_p),
        ("chunk", POINTER(Chunk)),
    )


class Meta(Structure):
    """struct spa_meta."""

    _fields_ = (("type", c_uint32), ("size", c_uint32), ("data", c_void_p))


class Header(Structure):
    """struct spa_meta_header."""

    _fields_ = (("flags", c_uint32), ("offset", c_uint32), ("pts", c_int64), ("dts_offset", c_int64), ("seq", c_uint64))


class Busy(Structure):
    """struct spa_meta_busy: how many readers hold a buffer."""

    _fields_ = (("flags", c_uint32), ("count", c_uint32))


class SpaBuffer(Structure):
    """struct spa_buffer."""

    _fields_ = (
        ("n_metas", c_uint32),
        ("n_datas", c_uint32),
        ("metas", POINTER(Meta)),
        ("datas", POINTER(Block)),
    )


class PwBuffer(Structure):
    """struct pw_buffer, as far as its size."""

    _fields_ = (("buffer", POINTER(SpaBuffer)), ("user_data", c_void_p), ("size", c_uint64))


class LoopMethods(Structure):
    """struct spa_loop_control_methods, as far as `iterate`."""

    _fields_ = (
        ("version", c_uint32),
        ("get_fd", CFUNCTYPE(c_int, c_void_p)),
        ("add_hook", c_void_p),
        ("enter", CFUNCTYPE(None, c_void_p)),
        ("leave", CFUNCTYPE(None, c_void_p)),
        ("iterate", CFUNCTYPE(c_int, c_void_p, c_int)),
    )


class LoopControl(Structure):
    """struct spa_loop_control: a table of functions, and what they are called with."""

    _fields_ = (("type", c_char_p), ("version", c_uint32), ("methods", POINTER(LoopMethods)), ("data", c_void_p))


class PwLoop(Structure):
    """struct pw_loop, as far as its control."""

    _fields_ = (("system", c_void_p), ("loop", c_void_p), ("control", POINTER(LoopControl)))


def load(name: str = NAME) -> ctypes.CDLL:
    """The library, ready for use. Raises OutputError with one sentence where it is absent or too old."""
    try:
        library = ctypes.CDLL(name, use_errno=True)
        for function, (gives, takes) in FUNCTIONS.items():
            getattr(library, function).restype = gives
            getattr(library, function).argtypes = takes
    except (OSError, AttributeError) as error:
        raise OutputError(
            f"PipeWire can't be used ({error}); install PipeWire and WirePlumber with your package manager"
        ) from None
    version = (library.pw_get_library_version() or b"").decode(errors="replace")
    if numbers(version) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise OutputError(f"PipeWire {version} is too old for a camera; update it to {oldest} or newer")
    library.pw_init(None, None)
    return library


def numbers(version: str) -> tuple[int, ...]:
    """(0, 3, 65) of "0.3.65"; what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


class Loop:
    """PipeWire's loop and context, which outlive connections. All of it runs in the thread that calls."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Raises OutputError where parts of PipeWire's are missing."""
        self._library = library
        self._loop = library.pw_loop_new(None)
        if not self._loop:  # the library must never be handed a null pointer
            raise OutputError("PipeWire can't be used, because its plug-ins are missing; install the package pipewire")
        self._control = PwLoop.from_address(self._loop).control.contents
        self._methods = self._control.methods.contents
        self._methods.enter(self._control.data)
        self.context = library.pw_context_new(self._loop, None, 0)
        if not self.context:
            self.close()
            raise OutputError("PipeWire can't be used, because client.conf is missing; install the package pipewire")

    def fileno(self) -> int:
        """Readable when there is something to do."""
        return int(self._methods.get_fd(self._control.data))

    def run(self) -> None:
        """Do what there is to do, within reason: the daemon must not hold the keeper up."""
        for _ in range(100):
            if self._methods.iterate(self._control.data, 0) <= 0:
                return

    def close(self) -> None:
        """Free everything. There must be no connection any more."""
        if self.context:
            self._library.pw_context_destroy(self.context)
        self._methods.leave(self._control.data)
        self._library.pw_loop_destroy(self._loop)
