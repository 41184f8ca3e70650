"""`segblur video` of many files, several at a time: a thread for each, with a network of its own.

Decoder, encoder, OpenCV and the network let other threads run meanwhile. Nothing is shared between files but the bar:
what is kept from one frame to the next belongs to its file. On a CUDA GPU each thread has a stream and a graph of its
own there: files differ in size and length, and none has to wait for a frame of another, as it would in a batch.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock

import cv2
from tqdm import tqdm

from vcam.effects.backdrop import check_look
from vcam.errors import OutputError, PictureError, SegBlurError
from vcam.masks.mask import Segment
from vcam.media.films import VideoFile
from vcam.offline.results import make_folder
from vcam.offline.video import CONTAINERS, blur_frames, check_target, make, on_stderr
from vcam.pipeline.framing import AS_FILMED, UNCORRECTED
from vcam.settings import FramingSettings, LookSettings, PictureSettings, for_camera

MOST_BY_ITSELF = 8  # files at a time by default: memory grows with each

SegmentFor = Callable[[int, int], Segment]  # width and height of the frames → what finds people in them, for one thread


@dataclass(frozen=True)
class Job:
    """A video, where its result goes, and its frames: expected, later written. `trouble` is a sentence that says why
    there is no result, "" where all is well.
    """

    source: Path
    target: Path
    frames: int = 0
    trouble: str = ""


class StoppedError(Exception):
    """The run was stopped."""


def blur_videos(
    sources: Sequence[Path],
    folder: Path,
    at_once: int,
    load: Callable[[], SegmentFor],
    look: LookSettings,
    framing: FramingSettings = AS_FILMED,
    picture: PictureSettings = UNCORRECTED,
) -> Iterator[Job]:
    """Each video as it ends, written to NAME.blurred.mp4 (or .mov, .m4v, .mkv) in `folder` or with the reason why not.
    A bar on stderr shows how far they are together. `load` is called once for each of the `at_once` threads. Raises
    PictureError for the effect's own file, OutputError for the folder, SettingsError, and what `load` raises.
    """
    for_camera(look)
    check_look(look)
    if folder.suffix.lower() in CONTAINERS and not folder.is_dir():
        raise OutputError(f"{folder} is the name of one video; for {len(sources)} of them name a folder")
    make_folder(folder)
    planned = [with_frame_count(job) for job in plan(sources, folder)]
    jobs = [job for job in planned if not job.trouble]
    yield from (job for job in planned if job.trouble)
    networks = [load() for _ in range(min(at_once, len(jobs)))]
    if len(networks) > 1:
        cv2.setNumThreads(1)  # threads within threads only wait for each other
    yield from side_by_side(jobs, networks, partial(blur_one, look=look, framing=framing, picture=picture))


def side_by_side(
    jobs: Sequence[Job], networks: Sequence[SegmentFor], blur: Callable[[Job, SegmentFor, Callable[[], None]], int]
) -> Iterator[Job]:
    """The jobs as they end, as many at a time as there are networks."""
    free: SimpleQueue[SegmentFor] = SimpleQueue()
    for network in networks:
        free.put(network)
    stop, lock = Event(), Lock()
    bar = tqdm(total=sum(job.frames for job in jobs), unit="frame", disable=None, desc=f"{len(jobs)} files")

    def step() -> None:
        if stop.is_set():
            raise StoppedError
        with lock:
            bar.update()

    def work(job: Job) -> Job:
        network = free.get()
        try:
            return replace(job, frames=blur(job, network, step))
        except SegBlurError as error:
            return replace(job, trouble=str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, the others go on
            return replace(job, trouble=f"{job.source} can't be blurred ({type(error).__name__}: {error})")
        finally:
            free.put(network)

    with bar, ThreadPoolExecutor(max(1, len(networks))) as pool:
        try:
            for future in as_completed([pool.submit(work, job) for job in jobs]):
                yield future.result()
        finally:  # also after Ctrl-C
            stop.set()
            pool.shutdown(cancel_futures=True)


def plan(sources: Sequence[Path], folder: Path) -> Iterator[Job]:
    """A job for each video; of two with the same target the later one has trouble, and so has what would be written
    over a video that is to be read.
    """
    read = {os.path.realpath(source) for source in sources}
    taken: dict[Path, Path] = {}
    for source in sources:
        suffix = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
        target, trouble = folder / f"{source.stem}.blurred{suffix}", ""
        if target in taken:
            trouble = f"{source} and {taken[target]} would both become {target}; give one of them another folder"
        elif os.path.realpath(target) in read:
            trouble = f"{source} would be written over {target}, which is to be read; choose another folder"
        taken.setdefault(target, source)
        yield Job(source, target, trouble=trouble)


def with_frame_count(job: Job) -> Job:
    """With the frames that the video says it has, or with the reason why it can't be read."""
    if job.trouble:
        return job
    try:
        with VideoFile(job.source) as video:
            return replace(job, frames=video.count)
    except PictureError as error:
        return replace(job, trouble=str(error))


def blur_one(
    job: Job,
    network: SegmentFor,
    step: Callable[[], None],
    look: LookSettings,
    framing: FramingSettings,
    picture: PictureSettings = UNCORRECTED,
) -> int:
    """Write the result of one job, calling `step` after each frame; the number of frames. Raises PictureError,
    OutputError, DeviceLostError, and what `network` and `step` raise.
    """
    with VideoFile(job.source, picture.rotate) as video:
        check_target(job.source, job.target)
        segment = network(video.width, video.height)
        frames = blur_frames(
            video, segment, look, framing, lambda reason: on_stderr(f"{job.source}: {reason}"), picture
        )
        return make(video, job.target, step, frames)


def by_itself() -> int:
    """How many files at a time by default: one for each core that this process may use."""
    return min(MOST_BY_ITSELF, len(os.sched_getaffinity(0)))
