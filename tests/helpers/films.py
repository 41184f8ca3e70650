"""Films drawn for tests, and what is found in a film: no program beside PyAV is needed."""

from fractions import Fraction

import av
import numpy as np

RATE = 25


def drawn(number, width=160, height=120):
    """RGB: a grey ramp, a white square that moves to the right by 4 pixels a frame, a red corner at the top left."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = np.linspace(40, 160, width)[:, None]
    left = 20 + 4 * number % (width - 40)
    picture[height // 2 - 10 : height // 2 + 10, left : left + 20] = 255
    picture[: height // 4, : width // 4] = (200, 30, 30)
    return picture


def film(
    path, count=RATE, codec="mjpeg", pictures=drawn, pixels="yuvj420p", sound=False, change=None, x264="", **options
):
    """A film of so many frames, a sine beside it on request. `change` is given each packet before it is written;
    `options` are the container's.
    """
    with av.open(str(path), "w", options=options) as output:
        first = pictures(0)
        stream = output.add_stream(codec, rate=RATE)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], pixels
        stream.options = {"x264-params": x264} if x264 else {}
        noise = output.add_stream("aac", rate=48_000) if sound else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(pictures(number), format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            write(output, stream.encode(frame), change)
            if noise is not None:
                write(output, noise.encode(sine(number)), None)
        for track in output.streams:
            write(output, track.encode(), change if track is stream else None)
    return path


def write(output, packets, change):
    for packet in packets:
        if change is not None:
            packet = change(packet)
        output.mux(packet)


def sine(number):
    """The sound of one frame."""
    length = 48_000 // RATE
    at = np.arange(number * length, (number + 1) * length, dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(np.sin(at / 20)[None] * np.float32(0.2), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, number * length, Fraction(1, 48_000)
    return frame


def times(path):
    """The times of each track's packets, in seconds, in the order of time, by the track's number."""
    with av.open(str(path)) as container:
        found = {stream.index: [] for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index].append(float(packet.pts * packet.time_base))
    return {track: sorted(each) for track, each in found.items()}
