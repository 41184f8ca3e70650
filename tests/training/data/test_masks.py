"""Masks as programs write them: taken for what they are, or refused with the remedy, before the first step."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.Image import Transpose

from segnet.classes import VOC_CLASSES
from training.augment.batches import load_album
from training.data.pairs import find_set
from training.errors import DataError
from training.measure.predictions import look

PERSON = VOC_CLASSES.index("person")
VOC_COLOURS = [0, 0, 0, 128, 0, 0, *[40, 90, 140] * 13, 192, 128, 128]


def palette(numbers, colours):
    picture = Image.fromarray(numbers)
    picture.putpalette(colours)
    return picture


def merged(mode, *planes):
    return Image.merge(mode, [Image.fromarray(plane) for plane in planes])


def white(mask):
    return np.full_like(mask, 255)


def noise(mask):
    return np.random.default_rng(0).integers(0, 256, (*mask.shape, 3)).astype(np.uint8)


# How programs save a mask, uint8 (H, W), 0 and 255.
FORMS = {
    "soft": Image.fromarray,
    "1 bit": lambda mask: Image.fromarray(mask).convert("1"),
    "0 and 1": lambda mask: Image.fromarray(mask // 255),
    "16 bits": lambda mask: Image.fromarray(mask.astype(np.uint16) * 257),
    "16 bits, 0 and 1": lambda mask: Image.fromarray(mask.astype(np.uint16) // 255),
    "RGB": lambda mask: Image.fromarray(mask).convert("RGB"),
    "RGBA, opaque": lambda mask: Image.fromarray(mask).convert("RGBA"),
    "RGBA, alpha": lambda mask: merged("RGBA", *[white(mask)] * 3, mask),
    "grey and alpha": lambda mask: merged("LA", white(mask), mask),
    "cut out": lambda mask: Image.fromarray(np.dstack([noise(mask), mask])),
    "class numbers": lambda mask: Image.fromarray(mask // 255 * np.uint8(PERSON)),
    "palette, index 1": lambda mask: palette(mask // 255, VOC_COLOURS),
    "palette, index 15": lambda mask: palette(mask // 255 * np.uint8(PERSON), VOC_COLOURS),
    "palette of greys": lambda mask: palette(1 - mask // 255, [255, 255, 255, 0, 0, 0]),
}
EYE = np.eye(40, 60, dtype=np.uint8) * 255


@pytest.fixture
def a_set(tmp_path):
    """Two pictures, the second larger, and their masks of 0 and 255."""
    for name in ("images", "masks", "rooms"):
        (tmp_path / "set" / name).mkdir(parents=True)
    for number, (height, width) in enumerate(((40, 60), (50, 70))):
        mask = np.zeros((height, width), np.uint8)
        mask[10:, 20:45] = 255
        cv2.imwrite(str(tmp_path / f"set/images/p{number}.jpg"), np.full((height, width, 3), 90 + mask[0, 0], np.uint8))
        Image.fromarray(mask).save(tmp_path / f"set/masks/p{number}.png")
    (tmp_path / "set/rooms/room.jpg").write_bytes((tmp_path / "set/images/p0.jpg").read_bytes())
    return tmp_path / "set"


def masks_of(folder):
    """What evaluation and training see."""
    measured = [look(pair).truth for pair in find_set(folder)]
    learnt = [picture.mask > 127 for picture in load_album(folder.parent, {folder.name: 1.0}, "set/rooms").people]
    return measured, learnt


def sets_alike(folder):
    expected = [np.asarray(Image.open(path)) > 127 for path in sorted((folder / "masks").glob("*.png"))]

    def check():
        for found in masks_of(folder):
            assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))

    return check


@pytest.mark.parametrize("form", FORMS)
def test_a_mask_of_every_form_is_the_same_mask(a_set, form):
    check = sets_alike(a_set)
    for path in (a_set / "masks").iterdir():
        FORMS[form](np.asarray(Image.open(path))).save(path)
    check()


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"{name}_mask.png",
        lambda name: f"{name}-mask.PNG",
        lambda name: f"mask_{name}.png",
        lambda name: f"{name}.PNG",
        lambda name: f"{name}.jpg.png",
        lambda name: f"{name}.bmp",
    ],
)
def test_masks_are_found_by_the_names_that_programs_give(a_set, rename):
    check = sets_alike(a_set)
    for path in sorted((a_set / "masks").iterdir()):
        picture = Image.open(path)
        path.unlink()
        picture.save(path.with_name(rename(path.stem)))
    check()


def test_two_masks_of_one_picture_are_named(a_set):
    (a_set / "masks/p0.png").rename(a_set / "masks/p0_mask.png")
    (a_set / "masks/p0-mask.png").write_bytes((a_set / "masks/p0_mask.png").read_bytes())
    with pytest.raises(DataError, match="are masks of one picture; remove one"):
        find_set(a_set)


def test_what_systems_leave_in_folders_is_passed_over(a_set):
    check = sets_alike(a_set)
    for folder in ("images", "masks", "rooms"):
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._p0.jpg", "._p0.png"):
            (a_set / folder / name).write_bytes(b"\0\5\x16\7")
        (a_set / folder / "__MACOSX").mkdir()
    check()


def test_a_name_that_is_not_utf_8_is_a_name(a_set):
    check = sets_alike(a_set)
    for path in (a_set / "images/p1.jpg", a_set / "masks/p1.png"):
        path.rename(path.with_name(os.fsdecode(b"qu\xe9." + path.suffix[1:].encode())))
    check()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_a_list_may_be_of_another_encoding(a_set, encoding):
    for path in (a_set / "images/p1.jpg", a_set / "masks/p1.png"):
        path.rename(path.with_name(f"Jürgen{path.suffix}"))
    (a_set / "val.txt").write_text("Jürgen\r\np0\n", encoding=encoding)
    assert [pair.name for pair in find_set(a_set / "val")] == ["Jürgen", "p0"]


def upside_down(path, orientation):
    """Keep the pixels, and say by EXIF that they are to be turned."""
    with Image.open(path) as picture:
        exif = picture.getexif()
        exif[0x0112] = orientation
        picture.save(path, exif=exif)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("mask_too", [False, True])
def test_a_mask_follows_its_picture_that_exif_turns(a_set, orientation, mask_too):
    upside_down(a_set / "images/p0.jpg", orientation)
    ways = (Transpose.TRANSPOSE, Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90)
    seen = Image.open(a_set / "masks/p0.png").transpose(ways[orientation - 5])
    if mask_too:
        upside_down(a_set / "masks/p0.png", orientation)
    picture = find_set(a_set)[0].load()
    assert picture.image.shape[:2] == (60, 40)
    assert np.array_equal(picture.mask, np.asarray(seen))


def test_a_mask_drawn_on_the_upright_picture_stays_as_it_is(a_set):
    upside_down(a_set / "images/p0.jpg", 6)
    upright = Image.open(a_set / "masks/p0.png").transpose(Transpose.ROTATE_270)
    upright.save(a_set / "masks/p0.png")
    assert np.array_equal(find_set(a_set)[0].load().mask, np.asarray(upright))


def test_a_turn_that_sizes_do_not_tell_of_is_named(a_set):
    upside_down(a_set / "images/p0.jpg", 3)
    with pytest.raises(DataError, match=r"p0\.jpg and .*p0\.png is turned by EXIF.*save both upright"):
        find_set(a_set)[0].load()


def spoil(path, picture):
    picture.save(path) if isinstance(picture, Image.Image) else path.write_bytes(picture)


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (Image.new("RGB", (60, 40), (200, 0, 0)), r"p0\.png is coloured, where a mask is grey; save masks as"),
        (Image.merge("LA", [Image.linear_gradient("L"), Image.radial_gradient("L")]), "another in its alpha channel"),
        (FORMS["0 and 1"](EYE), r"p0\.png shows nobody: its highest value is 1;"),
        (FORMS["palette, index 1"](EYE), "are masks of different forms"),
        (Image.new("F", (60, 40)), None),
        (b"no picture", r"p0\.png is not a readable picture"),
        (b"", r"p0\.png is not a readable picture"),
    ],
)
def test_what_can_not_be_a_mask_is_named_before_anything_is_learnt(a_set, picture, says):
    if says is None:
        (a_set / "masks/p0.png").unlink()
        picture.save(a_set / "masks/p0.tiff")
        says = r"p0\.tiff holds numbers of 32 bits"
    else:
        spoil(a_set / "masks/p0.png", picture)
    soft = Image.open(a_set / "masks/p1.png").resize((70, 50), Image.Resampling.BILINEAR, (0, 0, 35, 25))
    soft.save(a_set / "masks/p1.png")
    for read in (find_set, lambda folder: load_album(folder.parent, {"set": 1.0}, "set/rooms")):
        with pytest.raises(DataError, match=says):
            read(a_set)


def test_numbers_of_which_none_is_surely_person_are_refused(a_set):
    for number, path in enumerate(sorted((a_set / "masks").iterdir())):
        mask = np.asarray(Image.open(path)) // 255 * (7 + number)
        Image.fromarray(mask.astype(np.uint8)).save(path)
    with pytest.raises(DataError, match=r"hold 0, 7, 8, such as .*can't be told which is person"):
        find_set(a_set)


def test_a_set_to_train_on_may_have_pictures_of_nobody_but_not_only_such(a_set):
    empty = Image.new("L", (60, 40))
    empty.save(a_set / "masks/p0.png")
    assert not masks_of_training(a_set)[0].any()
    with pytest.raises(DataError, match=r"p0\.png shows nobody: its highest value is 0;.*folder of empty rooms"):
        find_set(a_set)
    Image.new("L", (70, 50)).save(a_set / "masks/p1.png")
    with pytest.raises(DataError, match=r"none of the 2 masks in .* shows anybody"):
        masks_of_training(a_set)


def masks_of_training(folder):
    return [picture.mask for picture in load_album(folder.parent, {"set": 1.0}, "set/rooms").people]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "masks/p0.png").unlink(), r"p0\.png is missing: .*p0\.jpg has no mask"),
        (lambda folder: Image.new("L", (9, 8), 255).save(folder / "masks/p0.png"), r"p0\.png is 9×8, but .* is 60×40"),
        (lambda folder: (folder / "images/p0.jpg").write_bytes(b""), r"p0\.jpg is not a readable picture"),
    ],
)
def test_each_reason_has_its_own_sentence(a_set, change, says):
    change(a_set)
    with pytest.raises(DataError, match=says):
        masks_of(a_set)
