"""What was wrong with a film, as reading it showed."""

from dataclasses import dataclass, field

from av.error import FFmpegError
from av.video.frame import VideoFrame

from vcam.media.timeline import NEAR, Packet

LATE = 0.5  # seconds by which a whole film may be shorter than its header says, where that counts no frames
MOST_JOINTS = 9  # that are named
FEW = 0.05  # share of frames after which others are missing, where that is no habit of the film


@dataclass
class Flaws:
    """Notes of one reading, from packet to picture. All times are in seconds."""

    step: float = 1 / 30  # between two frames
    reason: str = ""  # why something could not be decoded
    lost: list[float] = field(default_factory=list)  # when that was
    given: float | None = None  # the first time that the decoder was given,
    first: float | None = None  # and that it gave back
    missing: int = 0  # frames that it was given and did not give back
    end: float = 0.0  # of all streams,
    shown: float = 0.0  # of the picture
    last: float | None = None  # the newest frame's time
    number: int = 0  # of frames
    gaps: int = 0  # between frames, and how many frames would have had a place there,
    skipped: int = 0
    around: tuple[float, ...] = ()  # and the frames before the first and the last gap
    changed: float | None = None  # when the picture took another shape

    def miss(self, error: FFmpegError, time: float | None = None) -> None:
        """Something could not be read or decoded."""
        self.lost.append(self.end if time is None else time)
        self.reason = f": {error.strerror}"

    def read(self, packet: Packet, own: bool) -> None:
        """A packet was read, of the film's `own` stream or another."""
        if own:
            self.missing += not packet.is_discard
        if packet.pts is None:
            return
        time, end = (float(at * packet.time_base) for at in (packet.pts, packet.pts + (packet.duration or 0)))
        self.end = max(self.end, end)
        if own:
            self.shown = max(self.shown, end)
            if self.first is None and not packet.is_discard:
                self.given = time if self.given is None else min(time, self.given)

    def decoded(self, frame: VideoFrame) -> None:
        """A frame was decoded."""
        self.missing -= 1
        if frame.is_corrupt:
            self.lost.append(self.end if frame.time is None else frame.time)
        if self.first is None:
            self.first = frame.time

    def show(self, time: float, other_shape: bool) -> None:
        """A frame is to be seen from a time on."""
        self.number += 1
        if self.last is not None and (skipped := round((time - self.last) / self.step) - 1) > 0:
            self.gaps, self.skipped = self.gaps + 1, self.skipped + skipped
            self.around = (*self.around[:1], self.last)
        if other_shape and self.changed is None:
            self.changed = time
        self.last, self.shown = time, max(self.shown, time + self.step)

    def sentences(self, length: float, exact: bool, alone: bool, constant: bool, joints: list[float]) -> list[str]:
        """What to say, without its subject. The film says that it is `length` seconds long: `exact` where it counts
        its frames, the picture `alone` or all streams together; and perhaps that its rate is `constant`. At `joints`
        its clock was set anew.
        """
        found = []
        end = self.shown if alone else max(self.shown, self.end)
        if end + (2 * self.step if exact else max(LATE, 0.05 * length)) < length and not joints:
            found.append(f"is cut off: it ends after {end:.1f} of {length:.1f} seconds")
        if self.first is not None and self.given is not None and self.first - self.given > NEAR:
            found.append(f"has no whole picture in its first {self.first - self.given:.1f} seconds")
        skipped, around = (0, ()) if joints else (self.skipped, self.around)
        when = moments([*self.lost, *around])
        if self.lost or (self.missing > 1 and skipped):
            number = max(len(self.lost), min(self.missing, skipped))
            found.append(f"is damaged: {number} {'frame is' if number == 1 else 'frames are'} lost or faulty {when}")
        elif constant and skipped and self.gaps <= FEW * self.number:
            found.append(f"lacks {skipped} {'frame' if skipped == 1 else 'frames'} {when}")
        if joints:
            more = ", …" if len(joints) > MOST_JOINTS else ""
            found.append(
                f"has times that begin anew at {', '.join(f'{at:.1f}' for at in joints[:MOST_JOINTS])}{more} s"
            )
        if self.changed is not None:
            found.append(f"changes its size at {self.changed:.1f} s, and is fitted into the first one")
        return found


def moments(times: list[float]) -> str:
    """When something happened, in words."""
    if not times:
        return ""
    first, last = min(times), max(times)
    return f"at {first:.1f} s" if last - first < NEAR else f"from {first:.1f} to {last:.1f} s"
