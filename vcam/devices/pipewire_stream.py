"""One connection to PipeWire's daemon, with our node on it, and the buffers that its readers see.

The daemon allocates the buffers, in memory that every reader maps as well, when the first reader comes.
"""

import ctypes
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from time import monotonic, monotonic_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcam.devices import pipewire_library as lib
from vcam.devices import pipewire_pods as pods
from vcam.errors import OutputError
from vcam.frame import SafeFrame, planes

log = logging.getLogger("segblur.output")

RATE = 30  # frames a second that the node offers
BUFFERS = 4  # at most; one takes 1.4 MB at 1280×720
HELD = 0.25  # seconds after which a buffer is taken back from a reader that has not returned it
NO_DAEMON = "PipeWire does not answer; start it with: systemctl --user start pipewire wireplumber"
BROKEN = -32  # what a lost connection results in, EPIPE


def log_errors(callback: Callable[..., None]) -> Callable[..., None]:
    """Called from C, to which ctypes passes no exception on."""

    @wraps(callback)
    def called(*arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:
            log.exception("in a callback of PipeWire's")

    return called


@dataclass
class Buffer:
    """One that is shared with the readers, while it is mapped."""

    picture: NDArray[Any]  # uint8, one picture of its format
    format: pods.VideoFormat
    chunk: Any
    header: Any | None
    busy: Any | None
    sent: float = 0.0  # monotonic seconds


def buffer_at(address: int, form: pods.VideoFormat) -> Buffer | None:
    """Views of a struct pw_buffer; None where there is no room for a picture in it."""
    shared = lib.PwBuffer.from_address(address).buffer.contents
    block = shared.datas[0] if shared.n_datas else None
    if block is None or not block.data or block.maxsize < form.bytes:
        return None
    metas = {meta.type: meta for meta in shared.metas[: shared.n_metas]}
    header, busy = metas.get(lib.HEADER), metas.get(lib.BUSY)
    return Buffer(
        np.ctypeslib.as_array((ctypes.c_uint8 * form.bytes).from_address(block.data)),
        form,
        block.chunk.contents,
        None if header is None else lib.Header.from_address(header.data),
        None if busy is None else lib.Busy.from_address(busy.data),
    )


def write(frame: SafeFrame, buffer: Buffer) -> None:
    """The frame into the buffer, in its format."""
    out = buffer.picture
    y, u, v = planes(frame.pixels)
    match buffer.format.pixels:
        case "I420":
            out[:] = frame.pixels.reshape(-1)
        case "NV12":
            out[: y.size] = y.reshape(-1)
            pairs = out[y.size :]
            pairs.view("<u2")[:] = u.reshape(-1)  # the low byte, so first; V takes the place of the high one
            pairs[1::2] = v.reshape(-1)
        case "YUY2":  # Y U Y V; two rows share a row of colours
            rows = out.reshape(*y.shape, 2)
            rows[..., 0] = y
            for row in (0, 1):
                rows[row::2, 0::2, 1], rows[row::2, 1::2, 1] = u, v


def array_of(parts: Iterable[bytes]) -> tuple[Any, list[Any]]:
    """A C array of pointers to pods, and what has to be kept as long as it is used."""
    kept = [ctypes.create_string_buffer(part, len(part)) for part in parts]
    return (ctypes.c_void_p * len(kept))(*map(ctypes.addressof, kept)), kept


def properties(label: str) -> bytes:
    """Those of the node; without the first four, programs don't list it as a camera."""
    listed = {
        "media.class": "Video/Source",
        "media.role": "Camera",
        "node.description": label,
        "node.name": "segblur",
        "node.nick": label,
        "media.type": "Video",
        "media.category": "Capture",
    }
    return json.dumps(listed, ensure_ascii=False).encode()


class Stream:
    """The node. Callbacks only note what happened and answer the format; they run while the loop does."""

    def __init__(
        self, library: ctypes.CDLL, context: int, label: str, size: tuple[int, int], silence: SafeFrame
    ) -> None:
        """`silence` is what is left in buffers that are taken away. Raises OutputError where no daemon answers."""
        self._library, self._size, self._silence = library, size, silence
        self.state, self.lost = lib.CONNECTING, False
        self.format: pods.VideoFormat | None = None
        self._buffers: dict[int, Buffer] = {}
        self._sent = 0
        self._core = library.pw_context_connect(context, None, 0)
        self._stream: int | None = None
        if not self._core:
            raise OutputError(NO_DAEMON)
        self._listen(label)
        formats, kept = array_of(pods.offered(*size, RATE))
        flags = lib.MAP_BUFFERS | lib.DRIVER
        if library.pw_stream_connect(self._stream, lib.OUTPUT, lib.ANY, flags, formats, len(kept)) < 0:
            self.close()
            raise OutputError(NO_DAEMON)

    def _listen(self, label: str) -> None:
        """Make the stream, with our callbacks. Raises OutputError."""
        given = self._library.pw_properties_new_string(properties(label))
        self._stream = given and self._library.pw_stream_new(self._core, label.encode(), given)
        if not self._stream:
            self.close()
            raise OutputError(NO_DAEMON)
        # These are used as long as there are core and stream.
        self._core_events, self._core_hook = lib.CoreEvents(), ctypes.create_string_buffer(lib.HOOK_BYTES)
        self._core_events.error = lib.CoreError(log_errors(self._on_error))
        events, self._hook = lib.StreamEvents(version=2), ctypes.create_string_buffer(lib.HOOK_BYTES)
        events.state_changed = lib.StateChanged(log_errors(self._on_state))
        events.param_changed = lib.ParamChanged(log_errors(self._on_parameter))
        events.add_buffer = lib.BufferChanged(log_errors(self._on_buffer))
        events.remove_buffer = lib.BufferChanged(log_errors(self._on_no_buffer))
        # `process` stays empty, so that no Python runs in PipeWire's own thread: a frame is one cycle, see `send`.
        self._events = events
        by, at = ctypes.byref, self._library
        at.pw_proxy_add_object_listener(self._core, self._core_hook, by(self._core_events), None)
        at.pw_stream_add_listener(self._stream, self._hook, by(events), None)

    def _on_error(self, _data: Any, number: int, _sequence: int, result: int, _message: bytes) -> None:
        self.lost = self.lost or (number == 0 and result == BROKEN)

    def _on_state(self, _data: Any, _old: int, new: int, error: bytes | None) -> None:
        if new == lib.ERROR and self._library.pw_stream_get_state(self._stream, None) != lib.ERROR:
            # Of one reader, which wants a format that is not offered, say; the node is as it was.
            log.debug("PipeWire can't serve a program: %s", (error or b"").decode(errors="replace"))
            return
        self.state = new
        self.lost = self.lost or new in (lib.ERROR, lib.UNCONNECTED)

    def _on_parameter(self, _data: Any, parameter: int, address: int | None) -> None:
        if parameter != pods.FORMAT_ID:
            return
        self.format = None
        if not address:
            return
        length = 8 + ctypes.c_uint32.from_address(address).value
        try:
            agreed = pods.format_of(ctypes.string_at(address, min(length, pods.LARGEST)))
        except ValueError as error:
            log.warning("PipeWire agreed on %s", error)
            return
        if agreed.size != self._size:
            log.warning("PipeWire agreed on a size that was not offered: %s×%s", *agreed.size)
            return
        self.format = agreed
        answer, kept = array_of([pods.buffers(agreed.bytes, agreed.stride, BUFFERS), pods.header()])
        self._library.pw_stream_update_params(self._stream, answer, len(kept))

    def _on_buffer(self, _data: Any, address: int) -> None:
        buffer = self.format and buffer_at(address, self.format)
        if buffer:
            self._buffers[address] = buffer

    def _on_no_buffer(self, _data: Any, address: int) -> None:
        buffer = self._buffers.pop(address, None)
        if buffer is not None:  # readers may have it mapped for longer
            write(self._silence, buffer)

    @property
    def streams(self) -> bool:
        """Whether a program reads."""
        return self.state == lib.STREAMING and self.format is not None and not self.lost

    def send(self, frame: SafeFrame) -> None:
        """Give the frame to all who read; it is dropped where they hold all buffers."""
        if not self.streams or (address := self._free()) is None:
            return
        buffer = self._buffers.get(address)
        if buffer is not None:
            write(frame, buffer)
            buffer.sent = monotonic()
            self._sent += 1
            self._describe(buffer)
        lib.PwBuffer.from_address(address).size = int(buffer is not None)
        self._library.pw_stream_queue_buffer(self._stream, address)
        self._library.pw_stream_trigger_process(self._stream)

    def _describe(self, buffer: Buffer) -> None:
        chunk, header = buffer.chunk, buffer.header
        chunk.offset, chunk.size, chunk.stride, chunk.flags = 0, buffer.format.bytes, buffer.format.stride, 0
        if header is not None:
            header.flags, header.offset, header.dts_offset = 0, 0, 0
            header.pts, header.seq = monotonic_ns(), self._sent

    def _free(self) -> int | None:
        """A buffer that no reader holds."""
        self._take_back()
        for _ in self._buffers:  # one that is held goes to the end of the queue
            if address := self._library.pw_stream_dequeue_buffer(self._stream):
                return int(address)
        return None

    def _take_back(self) -> None:
        """Free each buffer that is held for long: a reader that never gives buffers back, or died with some, would
        otherwise stop the picture of all others for good.
        """
        now = monotonic()
        for buffer in self._buffers.values():
            if buffer.busy is not None and now - buffer.sent > HELD:
                buffer.busy.count = 0

    def overwrite(self, frame: SafeFrame) -> None:
        """Put the frame into every buffer, in readers' hands or not."""
        for buffer in self._buffers.values():
            write(frame, buffer)

    def close(self) -> None:
        """Let go of node and connection."""
        if self._stream:
            self._library.pw_stream_destroy(self._stream)
            self._stream = None
        if self._core:
            self._library.pw_core_disconnect(self._core)
            self._core = None
