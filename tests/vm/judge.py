"""Judges what `run` brought back: judge.py FOLDER. One sentence for each check, and in the last line how many passed.

A check is a function whose first docstring line is its sentence and whose assertions are what it means.
"""

import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from evidence import Evidence, Recording
from frames import Frame
from material import HEIGHT, WIDTH
from sheet import draw_sheet

SAME_TIME = ("non monotonically increasing dts", "Non-monotonic DTS")  # in FFmpeg's words
LEAK = 1 / 20  # of the secret may be left, at most
SHARP = 0.7  # of the person's fine detail must be left, at least
FAULTS = 12  # ways in which the segmentation goes wrong: guest/faulty_service.py
CLOSE = 3.0  # grey levels by which the person may differ from the source's

Check = Callable[[Evidence], None]


def no_leak(frames: list[Frame], least: int = 1) -> None:
    assert len(frames) >= least, f"there are only {len(frames)} frames to look at"
    leaking = [number for number, frame in enumerate(frames) if frame.leak > LEAK]
    worst = max(range(len(frames)), key=lambda number: frames[number].leak)
    assert not leaking, (
        f"{len(leaking)} of {len(frames)} frames show the secret, the first is frame {leaking[0]}, the worst "
        f"frame {worst} with {frames[worst].leak:.0%} of it"
    )


def good_person(frames: list[Frame]) -> None:
    live = [frame for frame in frames if frame.kind == "live"]
    assert live, "there is no live frame"
    assert max(frame.difference for frame in live) <= CLOSE, f"it differs by {max(f.difference for f in live):.1f}"
    assert min(frame.sharpness for frame in live) >= SHARP, f"only {min(f.sharpness for f in live):.0%} is left"


def only_known_kinds(recording: Recording) -> None:
    torn = [number for number, frame in enumerate(recording.frames) if frame.kind == "torn"]
    assert not torn, f"frames {torn[:10]} are none of these"


def placeholder_then_live(evidence: Evidence, blow: str, until: str) -> None:
    frames = evidence.main.between(evidence.when(blow), evidence.when(until))
    before, after = (set(evidence.noted(name)[0].split()) for name in (blow, until))
    assert len(before) == len(after) == 1 and not before & after, f"worker {before} before, {after} after"
    kinds = [frame.kind for frame in frames]
    assert "placeholder" in kinds, f"no placeholder came among {len(kinds)} frames"
    live = kinds[kinds.index("placeholder") :].count("live")
    assert live >= 20, f"only {live} live frames came after the placeholder"


def judge_catches_the_source(evidence: Evidence) -> None:
    """The webcam's own frames would fail: each of them shows all of the secret."""
    frames = evidence.judge.frames(evidence.clip)
    assert min(frame.leak for frame in frames) > 0.9
    assert all(frame.kind == "live" and frame.difference == 0 for frame in frames)


def scenario_in_time(evidence: Evidence) -> None:
    """The scenario came to its end, and nothing in it was late."""
    assert not evidence.noted("late"), "; ".join(evidence.noted("late"))
    evidence.when("end")


def reader_undisturbed(evidence: Evidence) -> None:
    """The recording program ran from the first frame to the last without an error."""
    assert evidence.noted("main-recorded"), "it had ended by itself"
    # What the kernel shows by itself while nothing is written bears the time of the frame before.
    errors = [
        line for line in evidence.text("main.log").splitlines() if line and not any(part in line for part in SAME_TIME)
    ]
    assert not errors, errors


def geometry(evidence: Evidence) -> None:
    """Every recorded frame is 640×480."""
    sizes = set(evidence.main.sizes)
    assert sizes == {WIDTH * HEIGHT * 3 // 2}, f"frames of {sizes} bytes"


def secret_kept(evidence: Evidence) -> None:
    """No recorded frame shows the secret on the wall: not the first, not a placeholder, none around a fault."""
    no_leak(evidence.main.frames, 100)


def kinds_known(evidence: Evidence) -> None:
    """Every recorded frame is a live picture, a wholly blurred one or a placeholder."""
    only_known_kinds(evidence.main)


def begins_safe(evidence: Evidence) -> None:
    """The first frame is a placeholder."""
    assert evidence.main.frames, "nothing was recorded"
    assert evidence.main.frames[0].kind == "placeholder"


def live_before_fault(evidence: Evidence) -> None:
    """At least 60 live frames came before the first fault, and the man moves in them."""
    frames = [frame for frame in evidence.main.between(0, evidence.when("kill")) if frame.kind == "live"]
    assert len(frames) >= 60, f"there were {len(frames)}"
    moments = {frame.source for frame in frames}
    assert len(moments) >= 8, f"they show only {len(moments)} moments"


def person_kept(evidence: Evidence) -> None:
    """In every live frame face and chest are the webcam's, as sharp as there."""
    good_person(evidence.main.frames)


def killed(evidence: Evidence) -> None:
    """After the worker is killed a placeholder comes, then live frames again, from another worker."""
    placeholder_then_live(evidence, "kill", "stop")


def hung(evidence: Evidence) -> None:
    """After the worker hangs a placeholder comes, then live frames again, from another; the hung one is gone."""
    placeholder_then_live(evidence, "stop", "revived")


def lists_it(evidence: Evidence, browser: str) -> None:
    assert "SegBlur Camera" in evidence.posted(browser, "labels"), evidence.posted(browser, "labels")
    camera = evidence.posted(browser, "camera")
    assert camera["label"] == "SegBlur Camera"
    assert (camera["settings"]["width"], camera["settings"]["height"]) == (WIDTH, HEIGHT)
    assert (camera["videoWidth"], camera["videoHeight"]) == (WIDTH, HEIGHT)


def shows_it(evidence: Evidence, browser: str) -> None:
    frames = evidence.drawn(browser)
    no_leak(frames)
    good_person(frames)
    assert sum(frame.kind == "live" for frame in frames) >= 4


def chromium_lists(evidence: Evidence) -> None:
    """Chromium lists a camera named exactly "SegBlur Camera", opens it, and gets 640×480."""
    lists_it(evidence, "chromium")


def chromium_shows(evidence: Evidence) -> None:
    """No picture in Chromium shows the secret, and in at least 4 the man is there and sharp."""
    shows_it(evidence, "chromium")


def starts_again(evidence: Evidence) -> None:
    """After the service has ended it can be started again on the same device."""
    evidence.when("start")
    assert not evidence.noted("camera-worn-out"), "the device takes no writer any more; its module was loaded anew"


def ends_well(evidence: Evidence) -> None:
    """On SIGTERM the service exits with 0 and takes its worker with it."""
    assert evidence.noted("exited") == ["0"], f"exit code {evidence.noted('exited')}"
    assert not evidence.noted("worker-left")


def ring_scrubbed(evidence: Evidence) -> None:
    """After the end nothing but placeholders is left in the kernel's memory, where live frames were."""
    before, after = evidence.recording("ring-live"), evidence.recording("ring-ended")
    assert before.kinds["live"], f"before the end it held {dict(before.kinds)}: nothing was there to find"
    assert len(after.frames) == len(before.frames)
    assert set(after.kinds) == {"placeholder"}, f"it holds {dict(after.kinds)}"


def faults_stay_safe(evidence: Evidence) -> None:
    """With a segmentation that fails in every way no frame shows the secret."""
    assert evidence.noted("faulty"), "this part of the scenario was not run"
    no_leak(evidence.faulty.frames, 20)
    only_known_kinds(evidence.faulty)


def faults_blur(evidence: Evidence) -> None:
    """Every time that the segmentation fails the whole picture is blurred, and live again once it is right."""
    story = [kind for kind, _ in groupby(frame.kind for frame in evidence.faulty.frames)]
    assert story.count("blurred") >= FAULTS, f"{story.count('blurred')} of {FAULTS} faults were seen: {story}"
    assert story.count("live") >= FAULTS, f"it was live {story.count('live')} times: {story}"
    assert evidence.noted("faulty-exited") == ["0"], f"exit code {evidence.noted('faulty-exited')}"


CHECKS: tuple[Check, ...] = (
    *(judge_catches_the_source, scenario_in_time, reader_undisturbed, geometry, secret_kept, kinds_known),
    *(begins_safe, live_before_fault, person_kept, killed, hung, chromium_lists, chromium_shows),
    *(starts_again, ends_well, ring_scrubbed, faults_stay_safe, faults_blur),
)


def main(folder: Path) -> int:
    """Print the verdict; the exit code."""
    evidence = Evidence(folder)
    for name in ("main", "faulty"):
        recording: Recording = getattr(evidence, name)
        if recording.frames:
            draw_sheet(recording, folder / f"{name}.png")
            worst = recording.worst()
            print(f"{name}: {dict(recording.kinds)}, at most {worst[1]:.1%} of the secret, in frame {worst[0]}")
    failed = 0
    for check in CHECKS:
        sentence = (check.__doc__ or check.__name__).splitlines()[0]
        try:
            check(evidence)
        except (AssertionError, LookupError, ValueError) as error:
            failed += 1
            print(f"FAILED  {sentence}\n        {error}")
        else:
            print(f"passed  {sentence}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
