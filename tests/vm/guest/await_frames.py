"""Wait until a growing recording holds so many more frames of a kind: await_frames.py FILE KIND COUNT SECONDS.

Looks at the frames that are written after the start. "live" is a bright picture, as the clip's room is, "placeholder"
a dark one; this only paces the scenario, the judgement is made on the host. Exits with 1 when the time is over.
"""

import sys
import time
from pathlib import Path

WIDTH, HEIGHT = 640, 480
FRAME = WIDTH * HEIGHT * 3 // 2
BRIGHT = 90


def main(path: Path, kind: str, count: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    frame = path.stat().st_size // FRAME
    with path.open("rb") as recording:
        while time.monotonic() < deadline:
            if path.stat().st_size < (frame + 1) * FRAME:
                time.sleep(0.05)
                continue
            recording.seek(frame * FRAME)
            luma = recording.read(FRAME)[: WIDTH * HEIGHT : 61]
            frame += 1
            bright = sum(luma) > BRIGHT * len(luma)
            count -= bright == (kind == "live")
            if count <= 0:
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
