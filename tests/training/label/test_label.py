"""Pictures that teachers label: what teachers may be, what their masks become, and which pictures are kept."""

import cv2
import numpy as np
import pytest

from segnet.engines import import_openvino, openvino_works
from segnet.weights import DEFAULT, WeightsError
from tests.cli.test_main import segblur
from tests.training.convert.test_network_file import outside
from training.data.pairs import find_pairs
from training.errors import DataError
from training.label.label import run_label, same, seen_by_last, sharpened
from training.label.teachers import Teacher, load_teacher, person, weighted
from vcam.media.yuv import to_bgr

pytestmark = pytest.mark.skipif(not openvino_works(), reason="OpenVINO is not installed")

SIZE = (64, 48)  # of the teachers' pictures
AGREE = 0.93


def network(path, answer, channels=3):
    """A network that OpenVINO reads: `answer`(opset, brightness (1, H, W, 1) as it comes) is its output."""
    import_openvino()
    from openvino import Model, opset13, save_model

    picture = opset13.parameter([1, SIZE[1], SIZE[0], channels], np.float32)
    grey = opset13.reduce_mean(picture, np.array([3], np.int64), keep_dims=True)
    save_model(Model([answer(opset13, grey)], [picture]), path, compress_to_fp16=False)
    return path


def above(threshold):
    """A teacher that sees people where it is brighter than this, 0 to 1."""
    return lambda op, grey: op.sigmoid(op.multiply(op.subtract(grey, np.float32(threshold)), np.float32(40)))


def two(op, grey):
    return op.concat([op.multiply(grey, np.float32(0)), op.subtract(grey, np.float32(0.5))], 3)


def six(op, grey):
    nothing = op.multiply(grey, np.float32(0))
    return op.concat([op.negative(grey), *[nothing] * 5], 3)


def disc(radius, brightness, size=(120, 160)):
    """A disc before dark noise, uint8 (H, W, 3)."""
    image = np.random.default_rng(0).integers(0, 50, (*size, 3)).astype(np.uint8)
    cv2.circle(image, (size[1] // 2, size[0] // 2), radius, (brightness,) * 3, -1)
    return image


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    shown = {
        "anna.png": disc(40, 250), "ben.jpg": disc(30, 250), "dim.png": disc(40, 150), "far.png": disc(8, 250),
        "wide.webp": disc(40, 250, (90, 200)), "room.jpg": disc(0, 20), "full.png": disc(999, 250),
    }  # fmt: skip
    for name, image in shown.items():
        cv2.imwrite(str(folder / name), image)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def teachers(tmp_path):
    """The first also sees what is dim, and with that more of a contour, which counts in who is far."""
    return {network(tmp_path / "all.xml", above(0.4)): 2.0, network(tmp_path / "bright.xml", above(0.8)): 1.0}


# Teachers


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda op, grey: grey, 0.8),
        (two, 1 / (1 + np.exp(-0.3))),
        (six, 1 - np.exp(-0.6) / (np.exp(-0.6) + 5)),  # it is shown -1 to 1
    ],
    ids=["probability", "two", "six"],
)
def test_what_a_network_says_is_understood_by_its_channels(tmp_path, answer, expected):
    teacher = load_teacher(network(tmp_path / "net.xml", answer), 1.0)
    mask = teacher(np.full((90, 70, 3), 204, np.uint8))
    assert (mask.shape, mask.dtype) == ((90, 70), np.float32)
    assert np.allclose(mask, expected, atol=1e-3)


def test_a_teacher_sees_each_picture_mirrored_too():
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1.0
    mask = Teacher("left", 1.0, lambda width, height: SIZE, lambda picture: left)(disc(20, 200))
    assert np.allclose(mask, 0.5, atol=0.1)
    seen = Teacher("red", 1.0, lambda width, height: SIZE, lambda picture: picture[..., 0].astype(np.float32) / 255)
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, :50, 0] = 255
    assert np.abs(seen(image) - image[..., 0] / 255).mean() < 0.01  # nothing is shown on the wrong side


def test_shares_add_up_and_teachers_count_as_they_are_told():
    logits = np.random.default_rng(0).normal(0, 300, (5, 5, 6)).astype(np.float32)
    shares = person(logits)
    assert np.isfinite(shares).all()
    assert shares.min() >= 0
    assert shares.max() <= 1
    masks = [np.full((2, 2), value, np.float32) for value in (1.0, 0.4)]
    mean = weighted(masks, [Teacher("", weight, None, None) for weight in (2.0, 1.0)])
    assert mean.dtype == np.float32
    assert np.allclose(mean, 0.8)


def test_what_can_not_teach_is_told_in_one_sentence(tmp_path):
    (tmp_path / "garbage.onnx").write_bytes(b"garbage" * 9)
    (tmp_path / "net.pth").touch()
    strange = [
        network(tmp_path / "three.xml", lambda op, grey: op.concat([grey] * 3, 3)),
        network(tmp_path / "flat.xml", lambda op, grey: op.squeeze(grey, np.array([3]))),
        network(tmp_path / "ints.xml", lambda op, grey: op.convert(grey, "i32")),
        network(tmp_path / "four.xml", lambda op, grey: grey, channels=4),
    ]
    for path, says in (
        *((path, "must take one picture, float") for path in strange),
        (tmp_path / "missing.tflite", "there is no such file"),
        (tmp_path / "garbage.onnx", "is not a network that OpenVINO reads"),
        (tmp_path / "net.pth", "can't teach: .safetensors"),
    ):
        with pytest.raises(DataError) as told:
            load_teacher(path, 1.0)
        assert says in str(told.value)
        assert str(path) in str(told.value)
        assert "\n" not in str(told.value)
    with pytest.raises(WeightsError, match="there is no weights file"):
        load_teacher(tmp_path / "missing.safetensors", 1.0)


def test_a_teacher_in_onnx_can_name_no_other_file(tmp_path, monkeypatch):
    (tmp_path / "secret.bin").write_bytes(b"secretsecret1234")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.onnx").write_bytes(outside("secret.bin"))
    with pytest.raises(DataError, match=r"bad\.onnx is not a network that OpenVINO reads"):
        load_teacher(tmp_path / "bad.onnx", 1.0)


# Masks


def test_pieces_that_the_last_teacher_does_not_see_are_dropped_with_what_is_faint_around_them():
    mask, last = np.zeros((60, 120), np.float32), np.zeros((60, 120), np.float32)
    mask[10:50, 10:40] = mask[10:50, 80:110] = 0.3
    mask[20:40, 20:30] = mask[20:40, 90:100] = 0.9
    last[30, 25], last[30, 95] = 0.31, 0.29
    kept = seen_by_last(mask, last)
    assert np.array_equal(kept[:, :60], mask[:, :60])
    assert not kept[:, 60:].any()
    assert np.array_equal(seen_by_last(mask / 2, last), mask / 2)  # no piece at all


def test_an_unsure_contour_goes_along_the_edge_of_the_picture_and_what_is_sure_stays():
    image, truth = disc(40, 250), disc(40, 250)[..., 0] > 100
    mask = np.asarray(cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 3))
    result = sharpened(mask, image)
    assert np.abs(result - truth).mean() < 0.65 * np.abs(mask - truth).mean()
    assert (result.min(), result.max()) == (0.0, 1.0)
    sure = np.where(truth, np.float32(0.98), np.float32(0.02))
    assert np.allclose(sharpened(sure, image), truth, atol=1e-6)


def test_two_masks_are_of_one_person_but_for_thin_lines_and_small_areas():
    one = np.zeros((200, 200), bool)
    one[50:150, 50:150] = True
    thin, more = one.copy(), one.copy()
    thin[47:153, 50:150] = True
    more[50:70, 150:172] = True  # 1.1 % of the picture
    assert same(one, one, 1.0)
    assert same(one, thin, AGREE)
    assert not same(one, thin, 0.95)
    assert not same(one, more, AGREE)
    more[50:70, 165:172] = False
    assert same(one, more, AGREE)


# The command


def test_pictures_are_pairs_rooms_or_left_out(pictures, teachers, tmp_path):
    out = tmp_path / "out"
    said = run_label(pictures, out, teachers, AGREE)
    assert said == (
        f"{out}: 3 pictures with masks, 1 rooms without anybody; left out: 2 where the teachers disagree, "
        "1 where people cover too little or too much"
    )
    found = {part: sorted(path.name for path in (out / part).iterdir()) for part in ("images", "masks", "rooms")}
    assert found == {
        "images": ["anna.png", "ben.jpg", "wide.webp"], "masks": ["anna.png", "ben.png", "wide.png"],
        "rooms": ["room.jpg"],
    }  # fmt: skip
    for path in [*(out / "images").iterdir(), *(out / "rooms").iterdir()]:
        assert path.read_bytes() == (pictures / path.name).read_bytes()
    for pair in find_pairs(out):
        picture = pair.load()  # which training can read
        truth, mask = picture.image.mean(axis=2) > 127, picture.mask > 127
        assert (truth & mask).sum() / (truth | mask).sum() > 0.95
    assert cv2.imread(str(out / "masks" / "anna.png"), cv2.IMREAD_UNCHANGED).ndim == 2


def test_one_teacher_agrees_with_itself_and_results_are_never_overwritten(pictures, teachers, tmp_path):
    out, (first, _) = tmp_path / "out", teachers
    said = run_label(pictures, out, {first: 1.0}, 1.0)
    assert ": 4 pictures with masks, 1 rooms without anybody; left out: 0 where the teachers disagree, 2 where" in said
    with pytest.raises(DataError, match="images holds other results; choose another folder"):
        run_label(pictures, out, teachers, AGREE)


def test_a_bad_picture_is_named_and_the_others_go_on(pictures, tmp_path):
    (pictures / "bad.jpg").write_bytes(b"no picture")
    network(tmp_path / "all.xml", above(0.4))
    result = segblur("label", pictures, tmp_path / "out", "--teachers", f'{{"{tmp_path / "all.xml"}": 1}}')
    assert result.returncode == 1
    named, last = [line for line in result.stderr.splitlines() if line.startswith("segblur:")]
    assert named == f"segblur: {pictures / 'bad.jpg'} is not a readable picture"
    assert ": 4 pictures with masks, 1 rooms" in last
    assert last.endswith("1 of 8 could not be used, see above")
    assert len([*(tmp_path / "out" / "images").iterdir()]) == 4


def test_numbers_that_are_not_finite_are_no_masks(pictures, tmp_path, capsys):
    path = network(tmp_path / "nan.xml", lambda op, grey: op.sqrt(op.subtract(grey, np.float32(2))))
    with pytest.raises(DataError, match=r"0 pictures with masks.*7 of 7 could not be used"):
        run_label(pictures, tmp_path / "out", {path: 1.0}, AGREE)
    assert f"{pictures / 'anna.png'}: {path} gives numbers that are not finite" in capsys.readouterr().err


def test_folders_that_can_not_be_labelled_are_told_before_anything_is_written(pictures, teachers, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(DataError, match="holds no pictures"):
        run_label(tmp_path / "nowhere", out, teachers, AGREE)
    (pictures / "anna.jpg").write_bytes((pictures / "anna.png").read_bytes())
    with pytest.raises(DataError, match=r"anna\.jpg and .*anna\.png would have one mask"):
        run_label(pictures, out, teachers, AGREE)
    (pictures / "anna.jpg").unlink()
    with pytest.raises(DataError, match="there is no such file"):
        run_label(pictures, out, {tmp_path / "none.tflite": 1.0}, AGREE)
    assert not out.exists()


def test_weights_of_ours_teach_as_they_see_a_real_picture(sample, segmenter, tmp_path):
    folder, image = tmp_path / "pictures", to_bgr(sample[3].pixels)
    folder.mkdir()
    cv2.imwrite(str(folder / "me.png"), image)
    assert ": 1 pictures with masks" in run_label(folder, tmp_path / "out", {DEFAULT: 1.0}, AGREE)
    mask = cv2.imread(str(tmp_path / "out" / "masks" / "me.png"), cv2.IMREAD_GRAYSCALE) > 127
    size = segmenter.size_for(640, 480)
    seen = segmenter(np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., ::-1]))
    alone = cv2.resize(seen, (640, 480)) > 0.5
    assert (mask & alone).sum() / (mask | alone).sum() > 0.95
