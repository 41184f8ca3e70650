"""Everything that takes a GPU in one command: as a toy on the CPU, killed in between, and what its steps decide."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segnet.weights import DEFAULT, WeightsInfo, build, load_weights, save_weights
from tests.drawn_campaign import draw_data
from tests.voc_scene import CAT, DOG
from training import campaign, sweep
from training.card import figures
from training.config import TrainConfig
from training.data import DataError
from training.findings import write_pages
from training.fixes import READ
from training.job import FULL, TOY, Clock, Job, PausedError, StepError, steady, steps_in
from training.mistakes import write_taught
from training.voc_data import load_voc

ROOT = Path(__file__).parent.parent
MOST_FILES, MOST_BYTES = 8, 16 * 2**20  # that come back from where it runs
SHIPPED = {"iou": 0.95, "boundary_iou": 0.75, "flicker": 0.001}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_data(tmp_path_factory.mktemp("drawn"))


def start(drawn, out, *words):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "training.campaign", str(drawn), str(out), "--toy", *words],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def until(process, line):
    for said in process.stdout:
        if said.startswith(line):
            return
    pytest.fail(f"it never said {line!r}")


def test_a_part_of_it_runs_as_a_toy_is_killed_and_goes_on_and_leaves_its_page(drawn, tmp_path):
    out = tmp_path / "out"
    killed = start(drawn, out, "--only", "speed")
    until(killed, "profile")
    killed.kill()
    killed.wait()
    killed.stdout.close()
    done = {path.parent.name: path.read_text() for path in out.glob("*/result.json")}
    assert {*done} == {"01-tests", "02-bench"}

    rest = start(drawn, out, "--only", "speed")
    said = rest.communicate()[0]
    assert rest.returncode == 0, said
    assert "bench:" not in said
    assert all((out / name / "result.json").read_text() == text for name, text in done.items())
    page = (out / "pages" / "gpu.md").read_text()
    for words in ("1 passed", "### Streams at 320×240", "### Against the CPU", "| 160×128 |", "| mjpeg |"):
        assert words in page


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_of_it_runs_as_a_toy_is_killed_stopped_and_goes_on_and_leaves_all_pages(drawn, tmp_path):
    out = tmp_path / "out"
    killed = start(drawn, out)
    until(killed, "sweep")
    until(killed, "  width-1-teacher-1.2")
    killed.kill()
    killed.wait()
    killed.stdout.close()
    done = {path.parent.name: path.read_text() for path in out.glob("*/result.json")}
    assert {*done} == {"01-tests", "02-bench", "03-profile", "04-streams", "05-differences"}

    told = start(drawn, out)
    until(told, "deconvnet:")
    told.send_signal(signal.SIGTERM)
    said = told.communicate()[0]
    assert told.returncode == 75, said
    assert "the same command goes on" in said

    rest = start(drawn, out)
    said = rest.communicate()[0]
    assert rest.returncode == 0, said
    assert "sweep:" not in said
    assert all((out / name / "result.json").read_text() == text for name, text in done.items())
    assert not [*out.glob("*/*/run/checkpoint.pt")]
    spent = json.loads((out / "spent.json").read_text())
    assert {*spent} == {step.name for step in campaign.PLAN if not step.needs}

    pages = {path.name: path for path in (out / "pages").iterdir()}
    assert {"gpu.md", "deconvnet.md", "deconvnet.png", "training.md", "training.png"} <= {*pages}
    assert len(pages) <= MOST_FILES
    assert all(path.stat().st_size <= MOST_BYTES for path in pages.values())
    texts = {name: path.read_text() for name, path in pages.items() if path.suffix == ".md"}
    for words in ("1 passed", "### Streams at 320×240", "### Against the CPU", "| 160×128 |", "| mjpeg |"):
        assert words in texts["gpu.md"]
    for words in ("in two parts, from nothing", "| cat ", "| all of these "):
        assert words in texts["deconvnet.md"]
    for words in ("wins", "Best: ", "shipped weights' input", "512x288"):
        assert words in texts["training.md"]
    assert not any("failed" in json.loads(path.read_text()) for path in out.glob("*/result.json"))
    with pytest.raises(DataError, match="other data or another size"):
        campaign.keep_to(out / "told.json", {"data": "elsewhere", "toy": True})


@pytest.fixture
def job(drawn, tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        clock = Clock(tmp_path / "spent.json", 1.0)
        clock.begin("step")
        yield Job(drawn, tmp_path, tmp_path / "01-step", "cpu", TOY, 60.0, clock, lambda: False, lock.fileno(), {})


def of(job, **changes):
    return Job(**{name: getattr(job, name) for name in job.__dataclass_fields__} | changes)


def test_a_process_that_fails_takes_too_long_or_is_not_wanted_any_more_is_told_of(job):
    log = job.folder / "log.txt"
    with pytest.raises(StepError, match="the reason"):
        job.call(["-c", "import sys; sys.exit('first\\nsegblur: the reason')"], log, 60)
    with pytest.raises(StepError, match="longer than 0 seconds"):
        job.call(["-c", "import signal; signal.pause()"], log, 0)
    with pytest.raises(PausedError):
        of(job, stopping=lambda: True).call(["-c", "import signal; signal.pause()"], log, 60)
    assert job.call(["-c", "raise SystemExit(3)"], log, 60, fine=(0, 3)) == 3
    assert job.call(["-c", f"import os; os.fstat({job.lock})"], log, 60) == 0  # it holds the folder, too


def test_what_a_killed_call_left_running_holds_the_folder(job, tmp_path):
    with campaign.locked(tmp_path / "held") as lock:
        code = "import signal; print('here', flush=True); signal.pause()"
        left = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, pass_fds=[lock])
        left.stdout.readline()
    with (tmp_path / "held").open() as again:
        with pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.kill()
        left.communicate()
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def besides(settings):
    """Seconds that a run takes besides its steps, as reckoned for a GPU: a small network is soon made and measured."""
    return 8.0 if settings.get("fc") == FULL.small[1] else 20.0


def outcome(settings):
    """What a run might have come to, without the run."""
    row = {"step": settings["steps"], "loss": 1.0}
    for name in settings["validation"]:
        row |= {f"{name} {key}": 0.5 for key in ("iou", "boundary_iou", "miou", "accuracy", "predicted_background")}
    steps, pictures = settings["steps"], settings["steps"] * settings["batch"]
    return {
        "steps": steps, "pictures": pictures, "seconds": besides(settings) + pictures / 800, "pace": 800.0,
        "course": [row], "figures": row,
        "weights": str(DEFAULT), "parameters": 1, "metrics": measured(),
    }  # fmt: skip


def test_at_full_size_every_run_is_one_that_training_takes_and_all_of_them_fit_into_the_time(
    drawn, tmp_path, monkeypatch
):
    told = {}

    def trials(self, runs, limit):
        for name, settings in runs.items():
            told[self.folder.name, name] = TrainConfig.model_validate({"data": self.data, **settings})
        return {name: outcome(settings) for name, settings in runs.items()}

    monkeypatch.setattr(Job, "trials", trials)
    monkeypatch.setattr(sweep, "measure", lambda *_: {"metrics": measured(), "parameters": 1})
    found = {}
    for step in campaign.PLAN:
        if step.part != "speed" and not step.needs:
            clock = Clock(tmp_path / "spent.json", 25.0)
            folder, seconds = tmp_path / f"00-{step.name}", 60 * step.minutes
            folder.mkdir()
            job = Job(drawn, tmp_path, folder, "cuda", FULL, seconds, clock, lambda: False, 0, found)
            found[step.name] = step.work(job)
            mine = [config for (name, _), config in told.items() if name == folder.name]
            assert (
                sum(besides(config.model_dump()) + config.steps * config.batch / 800 for config in mine)
                <= 1.1 * seconds
            ), step.name
    assert len(told) == 1 + 5 + 2 + 2 + 2 + 2 + 1 + 10
    assert {config.prepare for config in told.values() if config.network == "light"} == {"device"}
    assert {(c.width, c.fc) for c in told.values() if c.network == "deconvnet"} == {FULL.deconv, FULL.small}
    assert "train/distilled" not in told["00-sweep", "width-1-teacher-0"].sets
    (tmp_path / "pages").mkdir(exist_ok=True)
    for name in ("person", "wide"):
        (tmp_path / "pages" / f"{name}.safetensors").write_bytes(DEFAULT.read_bytes())
    names = {path.name for path in write_pages(tmp_path, found, "a machine")}
    assert {"deconvnet.png", "training.png", "cards.md"} < names
    assert len(names) <= MOST_FILES
    assert "# wide.safetensors" in (tmp_path / "pages/cards.md").read_text()


def test_a_run_that_fails_leaves_the_others_theirs_and_is_told_of(job):
    good = sweep.settings(job, TOY.light, 1.2, steady(2)) | {"workers": 0}
    runs = {"bad": good | {"rooms": "nowhere"}, "good": sweep.settings(job, TOY.light, 1.2, steady(2))}
    found = job.trials(runs, 100)
    assert "nowhere holds no pictures of rooms" in found["bad"]["failed"]
    assert found["good"]["pictures"] == 4
    assert not (job.folder / "good/run/checkpoint.pt").exists()
    with pytest.raises(StepError, match=r"bad: .*nowhere"):
        job.trial("bad", runs["bad"], 100)


def works(found, seconds=None):
    def work(job):
        if seconds is not None:
            seconds.append(round(job.seconds))
        if isinstance(found, Exception):
            raise found
        return found

    return work


def go(tmp_path, monkeypatch, plan, found, minutes=10.0):
    monkeypatch.setattr(campaign, "PLAN", plan)
    monkeypatch.setattr(campaign, "write_pages", lambda *_: [])
    clock = Clock(tmp_path / "spent.json", minutes)

    def make(**told):
        return Job(tmp_path, tmp_path, device="cpu", extent=TOY, clock=clock, stopping=lambda: False, lock=0, **told)

    campaign.work_through(plan, tmp_path, make, found, clock)


@pytest.mark.parametrize(("error", "told"), [(StepError("no luck"), "no luck"), (KeyError("x"), "KeyError: 'x'")])
def test_a_step_that_fails_stops_no_other_and_has_another_turn_after_all_that_are_left(
    tmp_path, monkeypatch, error, told
):
    step = campaign.Step
    found, order = {}, []
    plan = (step("one", "speed", 1, works(error)), step("two", "speed", 1, works({"figure": 2})))
    go(tmp_path, monkeypatch, plan, found)
    assert found == {"one": {"failed": told}, "two": {"figure": 2}}
    assert json.loads((tmp_path / "01-one" / "result.json").read_text()) == {"failed": told}
    again = (
        step("one", "speed", 1, lambda job: order.append("one") or {}),
        plan[1],
        step("three", "person", 1, lambda job: order.append("three") or {}),
    )
    go(tmp_path, monkeypatch, again, found)
    assert order == ["three", "one"]
    assert "failed" not in found["one"]


def test_the_minutes_are_shared_and_what_one_step_leaves_is_the_others(tmp_path, monkeypatch):
    seconds = []
    plan = tuple(campaign.Step(name, "speed", minutes, works({}, seconds)) for name, minutes in (("a", 1), ("b", 3)))
    (tmp_path / "spent.json").write_text(json.dumps({"before": 360.0}))
    go(tmp_path, monkeypatch, plan, {})
    assert seconds == [60, 240]
    (tmp_path / "spent.json").write_text(json.dumps({"before": 600.0}))
    go(tmp_path, monkeypatch, plan, {})
    assert len(seconds) == 2


def test_steps_fill_the_time_that_start_and_measurement_leave():
    probe = {"seconds": 30.0, "pictures": 2000, "pace": 1000.0}  # 28 seconds besides
    assert steps_in(128.0, 100, probe, FULL) == 900  # 100 seconds, of which 90 are planned for
    assert steps_in(128.0, 100, probe, FULL, finish=50.0) == 450
    assert steps_in(1.0, 100, probe, FULL) == FULL.least
    assert steady(1000) == {"steps": 1000, "warmup": 100, "ema": pytest.approx(0.98)}


def test_the_narrowest_of_those_that_are_as_good_as_the_best_wins():
    run = lambda score, parameters: {"score": score, "parameters": parameters}  # noqa: E731
    assert sweep.winner([run(0.860, 900), run(0.859, 500), run(0.80, 100), run(0.861, 1400)]) == 1
    assert sweep.winner([run(0.860, 900), run(0.8605, 900), run(0.80, 100)]) == 1


def measured(sizes=("256x144", "320x192"), **changes):
    return {name: {"sizes": dict.fromkeys(sizes, SHIPPED | changes)} for name in sweep.JUDGES}


@pytest.mark.parametrize(
    ("changes", "better"),
    [
        ({"iou": 0.96}, True),
        ({"iou": 0.949}, False),
        ({"iou": 0.952}, False),  # no difference to speak of
        ({"iou": 0.97, "boundary_iou": 0.744}, False),  # better on the whole, but one figure is far worse
        ({"iou": 0.97, "boundary_iou": 0.746}, True),
        ({"iou": 0.96, "flicker": 0.005}, False),
    ],
)
def test_weights_are_kept_only_if_they_are_better(job, changes, better):
    kept = job.out / "pages" / "step.safetensors"
    runs = {
        "new": {"metrics": measured(**changes), "weights": str(DEFAULT)},
        "poor": {"metrics": measured(iou=0.5), "weights": str(DEFAULT)},
    }
    found = sweep.verdict(job, runs, {"metrics": measured()})
    assert (found["best"], found["better"], kept.exists()) == ("new", better, better)
    assert len(found["rows"]) == 8
    large = {"new": runs["new"] | {"metrics": measured(("512x288",), **changes)}}
    rows = sweep.verdict(job, large, {"metrics": measured()})["rows"]
    assert {(row["size"], row["shipped_size"]) for row in rows} == {("512x288", "320x192")}


def test_random_weights_of_any_shape_are_a_start_and_the_card_says_so(job, tmp_path):
    wider = sweep.scaled(FULL.light, 1.25)
    assert wider.widths == (40, 64, 120, 200)
    assert sweep.scaled(FULL.light, 1.0) == FULL.light
    info = WeightsInfo("light", wider, input_sizes=((512, 288),), training={"from": "random numbers"})
    path = sweep.fresh(job, info)
    network, read = load_weights(path)
    assert (read.config, read.input_sizes) == (wider, ((512, 288),))
    before = path.read_bytes()
    assert sweep.fresh(job, info) == path
    assert path.read_bytes() == before
    told = {"started_from": {"sha256": "abc", "training": read.training}}
    save_weights(tmp_path / "made.safetensors", network.state_dict(), WeightsInfo("light", wider, training=told))
    assert "weights that were made from random numbers: sha256 `abc`" in figures(tmp_path / "made.safetensors")
    assert sum(p.numel() for p in build(WeightsInfo("light", FULL.wide)).parameters()) in range(1_000_000, 2_500_000)


def test_copies_have_the_labels_as_they_were_read(folder, tmp_path):
    write_taught(load_voc(folder / "train").pictures, READ, tmp_path / "taught", "train")
    labels = {}
    for way in READ:
        one = load_voc(tmp_path / "taught" / way / "train")
        assert len(one.pictures) == 3
        assert one.pictures[0].image().shape == (224, 224, 3)
        labels[way] = one.pictures[0].labels()
    assert {*np.unique(labels["right"])} == {0, CAT, DOG, 255}
    assert {*np.unique(labels["void"])} == {0, CAT, DOG, 20}
    assert {*np.unique(labels["smooth"])} > {0, CAT, DOG, 20}  # classes that nobody drew
    with Image.open(folder / "SegmentationClass/a.png") as picture:
        grey = np.asarray(picture.convert("RGB").convert("L"))
    assert {*np.unique(labels["grey"])} <= {0, *grey[grey <= 20].tolist()}


def test_pages_say_what_is_not_done_and_what_failed(tmp_path):
    found = {"streams": {"failed": "no room"}, "sweep": {"failed": "no data"}, "mistakes": {"failed": "no labels"}}
    names = {path.name for path in write_pages(tmp_path, found, "a machine")}
    assert names == {"gpu.md", "deconvnet.md", "training.md", "cards.md"}
    texts = {name: (tmp_path / "pages" / name).read_text() for name in names}
    assert "streams: no room" in texts["gpu.md"]
    assert "bench: not measured yet." in texts["gpu.md"]
    assert "no labels" in texts["deconvnet.md"]
    assert "in two parts, from nothing: Not done yet." in texts["deconvnet.md"]
    assert "no data" in texts["training.md"]


def test_what_is_missing_is_a_sentence(drawn, tmp_path, capsys, monkeypatch):
    assert campaign.main([str(tmp_path), str(tmp_path / "out"), "--toy"]) == 1
    assert f"there is no {tmp_path / 'train'}" in capsys.readouterr().err
    monkeypatch.setattr(campaign.torch.cuda, "is_available", lambda: False)
    assert campaign.main([str(drawn), str(tmp_path / "out")]) == 1
    assert "there is no CUDA GPU here; --toy" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_it_stops_when_told_or_when_the_time_of_a_call_is_over():
    with campaign.stopped(float("inf")) as stopping:
        assert not stopping()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping()
    with campaign.stopped(0.0) as stopping:
        assert stopping()
