"""Frames made on a GPU in one go: what the webcam delivers is uploaded, one CUDA graph finds the person and makes the
picture, and the picture is downloaded. The host waits once, at the end.

The shapes are those of one size of frame and one network. What changes from frame to frame is in memory that the graph
reads: the frame, the blur's strength, and what the network remembers. Where the picture is turned, lighter or warmer,
another graph does that, too, with what it takes in memory as well. Nothing leaves the device but the picture and
six figures, by which the host tells why all of it is blurred, if it is. On a CPU the same code runs step by step, for
the tests.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segnet.configs import UNKNOWN
from segnet.torch_engine import captured
from vcam.effects.blur import LOW_LINES, blur_sigma, low_resolution
from vcam.effects.tones import LEVELS, Tables
from vcam.frame import I420, YUYV, SafeFrame, empty, seal
from vcam.masks.mask import CUT, THUMBNAIL, MaskError, demand
from vcam.media.turn import UPRIGHT, Turn
from vcam.pipeline.gpu_corrections import Upright, toned
from vcam.pipeline.gpu_pixels import (
    Blur,
    Cutout,
    Resize,
    Shrink,
    checked,
    gauss,
    halved,
    planes_of,
    rgb,
    unpacked,
    without_specks,
)

PARTS = 4  # in which a frame is uploaded: while one travels the next is copied
NO_TABLES: Tables = np.stack([LEVELS] * 3)  # leave everything as it is
Find = Callable[..., Tensor]  # picture uint8 (1, H, W, 3) RGB[, previous mask float32 (1, 1, H, W)] → mask, as that


@dataclass(frozen=True)
class Made:
    """A picture, and why all of it had to be blurred; "" where all is well."""

    picture: SafeFrame
    trouble: str


class Frames:
    """Makes pictures that may be shown of frames that may not, one after the other."""

    def __init__(
        self,
        find: Find,
        remembers: bool,
        mask: tuple[int, int],
        picture: tuple[int, int],
        device: str,
    ) -> None:
        """`find` is the network, on `device` already, and `remembers` whether it takes the mask of the frame before.
        `mask` and `picture`: width and height that it sees, and of the frames. Raises RuntimeError where the GPU can't.
        """
        self._find, self._remembers, cuda = find, remembers, device == "cuda"
        (width, height), shape = picture, mask[::-1]
        self._low, self._strength = low_resolution(width, height)[::-1], 0.0
        # Where the host writes and reads: for a GPU page-locked, and copied.
        i420, yuyv = (height * 3 // 2, width), (height, width, 2)
        self._inlets = {shape: torch.zeros(shape, dtype=torch.uint8, pin_memory=cuda) for shape in (i420, yuyv)}
        self._outlet = torch.zeros(i420, dtype=torch.uint8, pin_memory=cuda)
        self._told = torch.zeros(6, pin_memory=cuda)
        self._frame, self._packed = (inlet.to(device) for inlet in self._inlets.values())
        self._shown, self._figures = self._outlet.to(device), self._told.to(device)
        self._previous = torch.full((1, 1, *shape), UNKNOWN, device=device)
        self._kept = torch.zeros(shape, device=device)  # the mask of the frame before
        self._thumbnail = torch.zeros((3, *THUMBNAIL[::-1]), device=device)
        self._turn, self._upright = UPRIGHT, Upright((height, width), device)
        self._tables: Tables = NO_TABLES
        self._toned = torch.from_numpy(NO_TABLES).to(device, copy=True)
        self._see = [
            Shrink((height, width), shape, device),
            Shrink((height // 2, width // 2), (shape[0] // 2, shape[1] // 2), device),
        ]
        self._to_thumbnail = Resize(shape, THUMBNAIL[::-1], True, device)
        self._cut_out = Cutout(shape, (height, width), device)
        self._blur = Blur(shape, (height, width), self._low, device)
        needs = zip(self._see, self._blur.shrink, strict=True)
        self._times = [max(see.times, blur.times) for see, blur in needs]
        self._times[0] = max(self._times[0], self._cut_out.guide.times)
        self._done = torch.cuda.Event() if cuda else None  # type: ignore[no-untyped-call]
        self._run = captured(self.steps) if cuda else self.steps
        self._correct: Callable[[], None] | None = None  # the same with corrections, once they are asked for
        self._unpack = captured(self.unpack) if cuda else self.unpack
        self._forget()  # warming up has left something there

    def __call__(
        self,
        pixels: I420 | YUYV,
        strength: float,
        goes_on: bool,
        out: I420 | None = None,
        turn: Turn = UPRIGHT,
        tables: Tables | None = None,
    ) -> Made:
        """The frame, as the webcam delivered it, turned and corrected as by upright and toned, with the background
        blurred by `strength`, 0.2 to 1, and all of it where the network did not tell who is there. `goes_on`: the frame
        before was made here too, and may help. `out` is an I420 array of the frame's size to write to. Raises
        ValueError for a frame of another shape, and what torch raises where the GPU fails.
        """
        result = empty(self._outlet.shape[1], self._outlet.shape[0] * 2 // 3) if out is None else out
        if result.shape != self._outlet.shape:
            raise ValueError(f"a frame of {tuple(self._outlet.shape)} doesn't fit into {result.shape}")
        self.ask(strength, goes_on, turn, tables)
        self.upload(pixels)
        self.run()
        shown = torch.from_numpy(result)
        straight = shown.is_pinned()
        self.download(shown if straight else None)
        self.wait()
        if not straight:
            np.copyto(result, self._outlet.numpy())
        return Made(seal(result), why_not(*self._told.tolist()))

    @torch.inference_mode()
    def ask(self, strength: float, goes_on: bool, turn: Turn = UPRIGHT, tables: Tables | None = None) -> None:
        """What is wanted of the next frame, as in the call."""
        if strength != self._strength:
            sigma = blur_sigma(strength) * self._low[0] / LOW_LINES
            self._blur.gauss.set(*(gauss(side, sigma) for side in self._low))
            self._strength = strength
        tables = NO_TABLES if tables is None else tables
        if tables is not self._tables:
            self._tables = tables
            self._toned.copy_(torch.tensor(tables))
        if turn != self._turn:
            self._upright.set(turn)
            self._turn = turn
            self._forget()
        if not goes_on:
            self._forget()

    @property
    def corrects(self) -> bool:
        """Whether the next frame is to be turned or toned."""
        return self._turn != UPRIGHT or self._tables is not NO_TABLES

    def run(self) -> None:
        """From the frame on the device to the picture there, as it was asked for."""
        if not self.corrects:
            self._run()
            return
        if self._correct is None:
            self._correct = self._with_corrections()
        self._correct()

    @torch.inference_mode()
    def _with_corrections(self) -> Callable[[], None]:
        """The steps with corrections; on a GPU as a graph, which leaves nothing behind of being warmed up."""
        steps = partial(self.steps, corrected=True)
        if self._done is None:
            return steps
        memory = self._previous, self._kept, self._thumbnail
        before = [part.clone() for part in memory]
        graph = captured(steps)
        for part, was in zip(memory, before, strict=True):
            part.copy_(was)
        return graph

    @torch.inference_mode()
    def _forget(self) -> None:
        self._previous.fill_(UNKNOWN)
        self._kept.zero_()

    @torch.inference_mode()
    def upload(self, pixels: I420 | YUYV) -> None:
        """Begin to. Raises ValueError for a frame of another shape."""
        if pixels.shape not in self._inlets:
            raise ValueError(f"a frame is of {' or '.join(map(str, self._inlets))}, not of {pixels.shape}")
        inlet, there = self._inlets[pixels.shape], self._frame if pixels.ndim == 2 else self._packed
        step = -(-len(pixels) // PARTS)
        for top in range(0, len(pixels), step):
            part = slice(top, top + step)
            np.copyto(inlet[part].numpy(), pixels[part])
            there[part].copy_(inlet[part], non_blocking=True)
        if pixels.ndim == 3:
            self._unpack()

    @torch.inference_mode()
    def unpack(self) -> None:
        """On the device, YUYV to I420; on a GPU a graph of its own."""
        for target, plane in zip(planes_of(self._frame), unpacked(self._packed), strict=True):
            target.copy_(plane)

    @torch.inference_mode()
    def download(self, out: Tensor | None = None) -> None:
        """Begin to; into `out` if it is page-locked I420 of the frame's size."""
        (self._outlet if out is None else out).copy_(self._shown, non_blocking=True)
        self._told.copy_(self._figures, non_blocking=True)

    def lock(self, memory: NDArray[Any]) -> None:
        """Page-lock this memory of the host, as long as the process lives, which spares pictures that are made in it a
        copy. Where that can't be they are made all the same.
        """
        if self._done is None or torch.from_numpy(memory).is_pinned():
            return
        if int(torch.cuda.cudart().cudaHostRegister(memory.ctypes.data, memory.nbytes, 0)):  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):
                torch.zeros(1, device="cuda")  # the next kernel of all is told of the failure

    def wait(self) -> None:
        """Until all that was begun is done."""
        if self._done is not None:
            self._done.record()
            self._done.synchronize()

    @torch.inference_mode()
    def steps(self, corrected: bool = False) -> None:
        """From the frame on the device to the picture there, its figures, and what the next frame is told. On a GPU
        this is what `run` does as one graph.
        """
        whole: Sequence[Tensor] = planes_of(self._frame)
        if corrected:
            whole = self._upright(whole)
        planes = self._levels(whole)
        seen = rgb(*(shrink(plane) for shrink, plane in zip(self._see, planes, strict=True)))
        thumbnail = torch.round(self._to_thumbnail(seen.permute(2, 0, 1).float()))
        cut = (thumbnail - self._thumbnail).abs().mean() > CUT
        previous = torch.where(cut, UNKNOWN, self._previous)
        answer = self._find(seen[None], previous) if self._remembers else self._find(seen[None])
        alpha, good, figures = checked(answer[0, 0])
        alpha = without_specks(alpha, torch.where(cut, 0.0, self._kept))
        self._thumbnail.copy_(thumbnail)
        self._previous.copy_(torch.where(good, answer, UNKNOWN))
        self._kept.copy_(alpha)
        self._figures.copy_(figures)
        kept = self._cut_out(alpha, planes[0])
        if corrected:  # after all that finds the person, which so does not depend on light and warmth
            tables = self._toned[:1], self._toned[1:]
            planes = self._levels([toned(*both) for both in zip(whole, tables, strict=True)])
        shown, behind, shares = planes_of(self._shown), self._blur(planes, alpha), (kept, F.avg_pool2d(kept, 2))
        for target, room, (person, *_), share in zip(shown, behind, planes, shares, strict=True):
            target.copy_(torch.round(torch.lerp(room, person, share)))

    def _levels(self, whole: Sequence[Tensor]) -> list[list[Tensor]]:
        return [halved(plane, times) for plane, times in zip(whole, self._times, strict=True)]


def take_own_stream() -> None:
    """From now on this thread's work for the GPU goes to a stream of its own, beside that of other threads."""
    if torch.cuda.current_stream() == torch.cuda.default_stream():
        torch.cuda.set_stream(torch.cuda.Stream())  # type: ignore[no-untyped-call]


def why_not(*figures: float) -> str:
    """Why all of a picture was blurred, by the six figures of its mask; "" where it was not."""
    try:
        demand(*figures)
    except MaskError as reason:
        return f"{reason}; the whole picture is blurred"
    return ""
