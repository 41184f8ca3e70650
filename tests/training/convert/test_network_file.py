"""Other programs' networks made into weights files: they find what they found; other files are told in a sentence."""

import numpy as np
import pytest
import torch

from segnet import operations
from segnet.class_scores import ClassScores
from segnet.classes import VOC_CLASSES
from segnet.inference import load_segmenter
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsError, read_info
from tests.helpers.network_files import CAT, DOG, PERSON, SIDE, ByColour, tflite, write_onnx
from tests.training.convert.test_selfie_onnx import foreign_onnx, message
from training.convert import network_file
from training.convert.export import run_export
from training.convert.onnx_reader import read_onnx
from training.errors import DataError

RED, GREEN, BLUE, BLACK = (250, 5, 5), (5, 250, 5), (5, 5, 250), (5, 5, 5)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network in three files of other programs."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "quantised.tflite").write_bytes(tflite())
    (folder / "float.tflite").write_bytes(tflite(quantised=False))
    write_onnx(folder / "network.onnx", ByColour())
    return folder


def quarters(width=SIDE, height=SIDE):
    """A picture of four colours: red, green over blue, black."""
    picture = np.zeros((height, width, 3), np.uint8)
    rows, columns = height // 2, width // 2
    picture[:rows, :columns], picture[:rows, columns:] = RED, GREEN
    picture[rows:, :columns], picture[rows:, columns:] = BLUE, BLACK
    return picture


def corners(plane):
    """The values in the middle of each quarter of (..., H, W)."""
    height, width = plane.shape[-2:]
    return [plane[..., y, x] for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]


@pytest.mark.parametrize("name", ["quantised.tflite", "float.tflite", "network.onnx"])
def test_a_network_finds_in_our_file_what_it_found_in_its_own(files, tmp_path, name):
    target = tmp_path / "made.safetensors"
    said = run_export(files / name, target)
    assert said.startswith(f"{target} (")
    assert ": openvino, which finds aeroplane, " in said
    info = read_info(target)
    assert (info.architecture, info.classes, info.input_sizes) == ("openvino", VOC_CLASSES, ((SIDE, SIDE),))
    assert info.training["from"].startswith(f"{name}, sha256 ")
    scores = ClassScores(target, (SIDE, SIDE))(quarters())
    assert [int(logits.argmax()) for logits in corners(scores)] == [CAT, DOG, PERSON, 0]
    for keep, shown in ((("person",), [0, 0, 1, 0]), (("cat", "dog"), [1, 1, 0, 0])):
        mask = load_segmenter(target, device="cpu", keep=keep)(quarters())
        assert np.array_equal(np.rint(corners(mask)), shown)


def test_pictures_are_normalised_as_each_kind_of_file_has_it(files, tmp_path):
    normal = {}
    for name in ("quantised.tflite", "float.tflite", "network.onnx"):
        run_export(files / name, tmp_path / f"{name}.safetensors")
        info = read_info(tmp_path / f"{name}.safetensors")
        normal[name] = info.mean[0], round(255 * info.std[0], 3)
    assert normal["quantised.tflite"] == (0, 1)  # the file does it itself
    assert normal["float.tflite"] == (0.5, 127.5)
    assert normal["network.onnx"] == (IMAGENET_MEAN[0], round(255 * IMAGENET_STD[0], 3))


def test_other_sizes_are_what_the_network_itself_gives_at_them(files, tmp_path):
    target = tmp_path / "made.safetensors"
    run_export(files / "network.onnx", target, sizes=((SIDE, SIDE // 2), (SIDE, SIDE)))
    assert read_info(target).input_sizes == ((SIDE, SIDE // 2), (SIDE, SIDE))
    picture = np.random.default_rng(0).integers(0, 256, (SIDE // 2, SIDE, 3)).astype(np.uint8)
    normal = (picture / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    with torch.no_grad():
        expected = ByColour()(torch.from_numpy(normal).permute(2, 0, 1)[None].float())[0].numpy()
    assert np.abs(ClassScores(target, (SIDE, SIDE // 2))(picture) - expected).max() < 1e-3


def test_pictures_fill_the_networks_input_or_stand_in_grey(files, tmp_path):
    for fit, size in (("letterbox", (SIDE, SIDE // 2)), ("squeeze", (SIDE, SIDE))):
        run_export(files / "float.tflite", tmp_path / f"{fit}.safetensors", fit=fit)
        segmenter = load_segmenter(tmp_path / f"{fit}.safetensors", device="cpu")
        assert segmenter.size_for(1280, 640) == size
        assert np.array_equal(np.rint(corners(segmenter(quarters(*size)))), [0, 0, 1, 0])


def test_a_network_of_any_size_is_taken_at_the_size_that_is_named(tmp_path):
    axes = {"x": {0: "batch", 2: "height", 3: "width"}}
    conv = torch.nn.Sequential(torch.nn.Conv2d(3, len(VOC_CLASSES), 3, padding=1), torch.nn.ReLU())
    source = write_onnx(tmp_path / "free.onnx", conv, dynamic_axes=axes)
    with pytest.raises(WeightsError, match=r"pictures of any size; say which, as --input-sizes '\[\[513,513\]\]'$"):
        run_export(source, tmp_path / "a.safetensors")
    run_export(source, tmp_path / "a.safetensors", sizes=((64, 48),))
    assert ClassScores(tmp_path / "a.safetensors", (64, 48))(quarters(64, 48)).shape == (len(VOC_CLASSES), 48, 64)


class Fixed(torch.nn.Module):
    """Takes only one size, because its numbers are of that."""

    def __init__(self):
        super().__init__()
        self.plane = torch.nn.Parameter(torch.randn(1, len(VOC_CLASSES), SIDE, SIDE))

    def forward(self, x):
        return self.plane + x.mean(1, keepdim=True)


class Lacking(torch.nn.Module):
    """Makes its logits by an operation that no network here has."""

    def forward(self, x):
        return torch.erf(x).repeat(1, 7, 1, 1)


class Pair(torch.nn.Module):
    """Takes two pictures."""

    def forward(self, x, y):
        return torch.cat([x, y], 1)


def test_a_size_that_does_not_fit_is_told_and_so_is_a_file_that_is_too_large(tmp_path, monkeypatch):
    source = write_onnx(tmp_path / "fixed.onnx", Fixed())
    with pytest.raises(WeightsError, match=r"fixed\.onnx can't be taken for pictures of 64×64: operation \d+, 'Add': "):
        run_export(source, tmp_path / "out.safetensors", sizes=((64, 64),))
    (tmp_path / "large.tflite").write_bytes(tflite())
    monkeypatch.setattr(network_file, "MOST_BYTES", 1000)
    with pytest.raises(WeightsError, match=r"large\.tflite has \d+ bytes, more than the 1000"):
        run_export(tmp_path / "large.tflite", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_only_a_weights_file_can_be_made(files, tmp_path):
    for name in ("network.onnx", "float.tflite"):
        with pytest.raises(DataError, match=rf"x\.xml can't be written: of \S*{name} only a \.safetensors can be made"):
            run_export(files / name, tmp_path / "x.xml")


def test_what_gives_other_logits_than_the_file_is_not_taken(files, tmp_path, monkeypatch):
    spread = operations.spread
    monkeypatch.setattr(operations, "spread", lambda parts: spread(parts)[::-1])
    with pytest.raises(WeightsError, match=r"network\.onnx can't be taken: what was made of it gives other logits, by"):
        run_export(files / "network.onnx", tmp_path / "out.safetensors")


def only(module, *shapes):
    """Writes such a file."""
    return lambda folder: write_onnx(folder / "bad.onnx", module, *shapes)


def content(name, data):
    """Writes this content."""

    def write(folder):
        (folder / name).write_bytes(data() if callable(data) else data)
        return folder / name

    return write


def conv(inputs, outputs, size=1):
    return torch.nn.Conv2d(inputs, outputs, size)


UNREADABLE = r"is not a \.tflite that OpenVINO can read"
BAD = {
    "nothing": (content("bad.tflite", b""), UNREADABLE),
    "zeros": (content("bad.tflite", bytes(100_000)), UNREADABLE),
    "an archive of zeros": (content("bad.tflite", b"PK\3\4" + bytes(9999)), UNREADABLE),
    "the first half of one": (content("bad.tflite", lambda: tflite()[:-2000]), UNREADABLE),
    "100 classes": (content("bad.tflite", lambda: tflite(classes=100)), r"it gives \[1,100,48,48\]; only networks"),
    "four channels": (
        content("bad.tflite", lambda: tflite(channels=4)),
        r"takes u8 \[1,96,96,4\], not one RGB picture",
    ),
    "an operation of its maker": (content("bad.tflite", lambda: tflite(custom="Mine")), "Mine"),
    "zeros as onnx": (content("bad.onnx", bytes(100_000)), "is not a readable ONNX file"),
    "no picture": (only(torch.nn.Linear(4, 21), (1, 4)), r"takes f32 \[1,4\], not one RGB picture"),
    "two pictures": (only(Pair(), (1, 3, SIDE, SIDE), (1, 3, SIDE, SIDE)), "it takes 2 inputs, not one picture"),
    "two classes": (only(conv(3, 2)), r"it gives \[1,2,96,96\]; only networks that tell VOC's 21 classes apart"),
    "one place": (only(conv(3, 21, SIDE)), "it says of the whole picture what it shows, not of each part"),
    "an unknown operation": (only(Lacking()), "it has the operation Erf, which is not known here"),
}


@pytest.mark.parametrize("what", BAD)
def test_files_of_other_things_are_one_sentence_and_leave_nothing(tmp_path, what):
    make, says = BAD[what]
    path = make(tmp_path)
    with pytest.raises(WeightsError, match=says) as told:
        run_export(path, tmp_path / "out.safetensors")
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("leads", ["{folder}/secret.bin", "secret.bin", "../{name}/secret.bin"])
def test_an_onnx_file_can_name_no_other_file(tmp_path, monkeypatch, leads):
    (tmp_path / "secret.bin").write_bytes(b"secretsecret1234")
    monkeypatch.chdir(tmp_path)
    where = leads.format(folder=tmp_path, name=tmp_path.name)
    (tmp_path / "bad.onnx").write_bytes(outside(where))
    with pytest.raises(WeightsError, match=r"bad\.onnx is not a readable ONNX file that holds all its numbers"):
        run_export(tmp_path / "bad.onnx", tmp_path / "out.safetensors")
    assert "x" in read_onnx(foreign_onnx()).inputs[0].names  # files can be opened again, and ONNX read


def outside(where):
    """An ONNX file of one sum, whose numbers lie in another file."""
    shape = message((1, message((1, 1))), (1, message((1, 4))))
    kind = message((1, message((1, 1), (2, shape))))
    place = [(13, message((1, key), (2, value))) for key, value in (("location", where), ("length", "16"))]
    numbers = message((1, 1), (1, 4), (2, 1), (8, "w"), *place, (14, 1))
    node = message((1, "x"), (1, "w"), (2, "y"), (4, "Add"))
    ends = [(11, message((1, "x"), (2, kind))), (12, message((1, "y"), (2, kind)))]
    graph = message((1, node), (2, "g"), (5, numbers), *ends)
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 13))))
