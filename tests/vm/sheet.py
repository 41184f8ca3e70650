"""A contact sheet of a recording: the first frames, those around every change, and some in between."""

from pathlib import Path

import cv2
import numpy as np
from evidence import Recording

COLUMNS, MOST = 6, 60
SMALL = (320, 240)


def chosen(recording: Recording) -> list[int]:
    """Numbers of the frames that tell the story."""
    kinds = [frame.kind for frame in recording.frames]
    changes = [number for number in range(1, len(kinds)) if kinds[number] != kinds[number - 1]]
    around = {number + offset for number in changes[: MOST // 4] for offset in (-1, 0)}
    numbers = {0, len(kinds) - 1, recording.worst()[0], *around}
    spread = np.linspace(0, len(kinds) - 1, max(2, MOST - len(numbers))).round().astype(int)
    return sorted(numbers | set(spread.tolist()))[:MOST]


def draw_sheet(recording: Recording, path: Path) -> None:
    """Write the sheet as a PNG; each frame bears its number, time, kind and what it shows of the secret."""
    cells = []
    for number in chosen(recording):
        frame = recording.frames[number]
        picture = cv2.cvtColor(np.asarray(recording.pixels[number]), cv2.COLOR_YUV2BGR_I420)
        cell = cv2.copyMakeBorder(cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA), 0, 20, 0, 0, 0)
        seconds = recording.times[number] - recording.times[0] if number < len(recording.times) else 0.0
        text = f"{number}  {seconds:.1f} s  {frame.kind}  {frame.leak:.1%}"
        cv2.putText(cell, text, (4, SMALL[1] + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
        cells.append(cell)
    while len(cells) % COLUMNS:
        cells.append(np.zeros_like(cells[0]))
    rows = [np.hstack(cells[start : start + COLUMNS]) for start in range(0, len(cells), COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows))
