"""The webcam's clip: a man signing in a meeting room, with a secret on the wall that no output frame may show.

The secret is a checkerboard of the greatest contrast in places where the man never is. Its colour may come through
the blur, its pattern may not, and a pattern is easily measured.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]  # rows, columns

WIDTH, HEIGHT = 640, 480
SAMPLE = Path(__file__).parents[2] / "vcam/sample/signing.mkv"
CELL = 4
# Chosen by eye on all 87 frames of the sample: the man stays between columns 150 and 440, his hair below row 60.
SECRETS: dict[str, Box] = {
    "top left": (slice(0, 128), slice(0, 192)),
    "top right": (slice(0, 128), slice(448, 640)),
}
# Here is nothing but the man in every frame. His hands pass before his chest.
PERSON: dict[str, Box] = {
    "face": (slice(100, 176), slice(282, 322)),
    "chest": (slice(260, 430), slice(250, 360)),
}


def checkerboard(height: int, width: int) -> NDArray[np.int8]:
    """+1 and -1 in squares of CELL pixels."""
    rows, columns = np.indices((height, width)) // CELL
    return np.where((rows + columns) % 2, -1, 1).astype(np.int8)


def make_clip(path: Path) -> None:
    """Write the webcam's frames as raw YUYV of limited range, which is what webcams mean by it."""
    reading = ("-i", str(SAMPLE), "-vf", "scale=out_range=tv", "-pix_fmt", "yuyv422", "-f", "rawvideo", "-")
    raw = subprocess.run(["ffmpeg", "-loglevel", "error", *reading], check=True, stdout=subprocess.PIPE).stdout
    frames = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 2).copy()
    for rows, columns in SECRETS.values():
        region = frames[:, rows, columns]
        region[..., 0] = np.where(checkerboard(*region.shape[1:3]) > 0, 235, 16)
        region[..., 1] = 128
    path.write_bytes(frames.tobytes())


def read_clip(path: Path) -> NDArray[Any]:
    """The luma of the clip's frames, (n, HEIGHT, WIDTH)."""
    return np.fromfile(path, np.uint8).reshape(-1, HEIGHT, WIDTH, 2)[..., 0].copy()


if __name__ == "__main__":
    make_clip(Path(sys.argv[1]))
