"""Judges what `run SUITE service` or `run SUITE package` brought back: trials_judge.py FOLDER. One sentence for each
trial and each check of the recorded frames, a table of the faults, and in the last line how many passed.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from evidence import Evidence, Recording
from judge import good_person, lists_it, no_leak, only_known_kinds, shows_it
from material import HEIGHT, WIDTH

TAPES = ("first", "*-glances", "tape-*", "second")  # of the clip, whose secret is known; vivid's has none
ENOUGH = {"service": 300, "package": 30}  # frames


@dataclass
class Fault:
    """Something that was done to the service under a reader."""

    name: str
    began: float
    mended: float  # when the world let it go on: at once, or later
    ended: float
    says: str


def faults(evidence: Evidence) -> Iterator[Fault]:
    """All that were noted, and whose end was."""
    current: Fault | None = None
    for time, name, value in evidence.notes:
        if name == "fault":
            current = Fault(value, time, time, float("inf"), "")
        elif current is None:
            continue
        elif name == "says":
            current.says = value
        elif name == "mended":
            current.mended = time
        elif name == "recovered":
            current.ended = time
            yield current
            current = None


def story(evidence: Evidence, tapes: dict[str, Recording], fault: Fault) -> tuple[str, str, str]:
    """Fault, what the reader saw, and the seconds until it was live again."""
    for name, tape in tapes.items():
        frames = [
            (time, frame.kind if not name.startswith("vivid") or frame.kind == "placeholder" else "live")
            for time, frame in zip(tape.times, tape.frames, strict=False)
            if fault.began <= time <= fault.ended
        ]
        if frames:
            break
    else:
        return fault.name, "nothing was recorded", "?"
    runs = [(kind, [time for time, _ in group]) for kind, group in groupby(frames, key=lambda frame: frame[1])]
    seen = [f"{kind} {times[-1] - times[0]:.1f} s" for kind, times in runs if kind != "live"]
    pauses = [after - before for (before, _), (after, _) in pairwise(frames)]
    text = ", ".join(seen) or "live throughout"
    if pauses and max(pauses) > 1:
        text += f"; at most {max(pauses):.1f} s without a new frame"
    if fault.says:
        text += f"; “{fault.says}”"
    others = [number for number, (_, kind) in enumerate(frames) if kind != "live"]
    again = next((time for time, kind in frames[others[-1] :] if kind == "live"), None) if others else fault.mended
    return fault.name, text, "?" if again is None else f"{max(0.0, again - fault.mended):.1f}"


def calm(evidence: Evidence, tapes: dict[str, Recording]) -> Iterator[tuple[str, float, float]]:
    """Times in which no placeholder may be seen: name, beginning, end."""
    began: tuple[str, float] | None = None
    for time, name, value in evidence.notes:
        if name == "calm":
            began = value, time
        elif name == "calm-over" and began:
            yield (*began, time)
            began = None
    swaps = [(time, name, value) for time, name, value in evidence.notes if name in ("swap", "swapped")]
    for (start, _, what), (end, _, _) in zip(swaps[::2], swaps[1::2], strict=False):
        if what.split()[1] != "crash":
            yield f"swap {what}", start, end


def frames_are_safe(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """No recorded frame of any trial shows the secret on the wall."""
    clips = {name: tape for name, tape in tapes.items() if not name.startswith("vivid")}
    no_leak([frame for tape in clips.values() for frame in tape.frames], ENOUGH[trials_of(evidence)])


def frames_are_known(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """Every recorded frame is a live picture, a wholly blurred one or a placeholder, of 640×480."""
    for name, tape in tapes.items():
        if not name.startswith("vivid"):
            only_known_kinds(tape)
        assert set(tape.sizes) <= {WIDTH * HEIGHT * 3 // 2}, f"{name}: frames of {set(tape.sizes)} bytes"


def frames_are_sharp(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """In every live frame face and chest are the webcam's, as sharp as there."""
    good_person([frame for name, tape in tapes.items() if not name.startswith("vivid") for frame in tape.frames])


def first_is_a_placeholder(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """The first frame of the first reader is a placeholder."""
    assert tapes["first"].frames[0].kind == "placeholder", tapes["first"].frames[0].kind


def nothing_is_dropped(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """No placeholder is seen around refused reloads and settings, full disks and swaps of good and refused weights."""
    seen, looked = [], 0
    for name, start, end in calm(evidence, tapes):
        for tape in (tape for key, tape in tapes.items() if key.startswith("tape")):
            kinds = [frame.kind for frame in tape.between(start, end)]
            looked += len(kinds)
            if "placeholder" in kinds:
                seen.append(f"{name}: {kinds.count('placeholder')} of {len(kinds)}")
    assert looked, "there are no frames of these times"
    assert not seen, "; ".join(seen)


def ring_is_clean(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """After the end nothing but placeholders is left in the kernel's memory."""
    after = evidence.recording("ring-ended")
    assert after.frames or evidence.noted("ring-freed"), "nothing was read"
    assert set(after.kinds) <= {"placeholder"}, dict(after.kinds)


def crash_leaves_nothing(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """After a keeper that was killed showing the room, the next one leaves nothing of it in the kernel's memory."""
    before, after = evidence.recording("ring-room"), evidence.recording("ring-after")
    assert before.frames and before.worst()[1] > 0.1, "the room was not there before"
    assert after.frames, "nothing was read"
    no_leak(after.frames, 1)


def firefox_works(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """Firefox lists "SegBlur Camera", gets 640×480, and shows the man sharp and nothing of the secret."""
    lists_it(evidence, "firefox")
    shows_it(evidence, "firefox")


def chromium_works(evidence: Evidence, tapes: dict[str, Recording]) -> None:
    """Chromium lists "SegBlur Camera", gets 640×480, and shows the man sharp and nothing of the secret."""
    lists_it(evidence, "chromium")
    shows_it(evidence, "chromium")


FRAMES = (frames_are_safe, frames_are_known, frames_are_sharp)
CHECKS = {
    "service": (
        *FRAMES,
        first_is_a_placeholder,
        nothing_is_dropped,
        ring_is_clean,
        crash_leaves_nothing,
        firefox_works,
    ),
    "package": (*FRAMES, chromium_works),
}


def trials_of(evidence: Evidence) -> str:
    """Which trials were run: service or package."""
    return evidence.text("trials").split()[0]


def main(folder: Path) -> int:
    """Print the verdict; the exit code."""
    evidence = Evidence(folder)
    paths = sorted(path for name in (*TAPES, "vivid-*") for path in folder.glob(f"{name}.yuv"))
    tapes = {path.stem: evidence.recording(path.stem) for path in paths}
    for name, tape in tapes.items():
        if tape.frames:
            leak = "" if name.startswith("vivid") else f", at most {tape.worst()[1]:.1%} of the secret"
            print(f"{name}: {dict(tape.kinds)}{leak}")
    verdicts = [json.loads(line) for line in evidence.text("trials.jsonl").splitlines()]
    results = [(one["sentence"], one["error"], one["ended"] - one["began"]) for one in verdicts]
    for check in CHECKS[trials_of(evidence)]:
        error = ""
        try:
            check(evidence, tapes)
        except (AssertionError, LookupError, ValueError) as problem:
            error = str(problem) or type(problem).__name__
        results.append((str(check.__doc__), error, 0.0))
    results.append(("The scenario came to its end.", "" if evidence.noted("end") else "it did not", 0.0))
    print("\n| fault | what the reader saw | seconds until live again |\n|---|---|---|")
    for fault in faults(evidence):
        print("| " + " | ".join(story(evidence, tapes, fault)) + " |")
    print()
    for sentence, error, seconds in results:
        sentence = " ".join(sentence.split())
        took = f" ({seconds:.0f} s)" if seconds else ""
        print(f"FAILED  {sentence}{took}\n        {error}" if error else f"passed  {sentence}{took}")
    failed = sum(bool(error) for _, error, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
