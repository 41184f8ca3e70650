"""Batches made on the device that trains are those of the worker processes, operation by operation and as a whole."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from segnet.configs import LightConfig
from segnet.light import LightNet
from training.augment import opencv
from training.augment import tensors as lens
from training.augment.batches import Album, Batches, Index, load_album
from training.augment.draws import BARS, LENS, PLAIN, ROOM, draw, outline
from training.augment.gallery import crop, make_gallery
from training.augment.memory import previous_masks
from training.augment.on_device import DeviceBatches, augment, on_device
from vcam.media.yuv import to_bgr

CPU = torch.device("cpu")
N = 16
SIZE = (128, 96)


@pytest.fixture(scope="module")
def album(sample, segmenter):
    """Frames of the bundled sample, some cut through the middle, as people; parts of them as rooms."""
    people, rooms = [], []
    for number, frame in enumerate(sample[:6]):
        image = np.ascontiguousarray(to_bgr(frame.pixels)[..., ::-1])
        small = cv2.resize(image, (256, 192), interpolation=cv2.INTER_AREA)
        mask = np.rint(255 * segmenter(small)).astype(np.uint8)
        left = 128 * (number % 2)  # through the middle of every second person
        people.append(opencv.Picture(small[number:, left:].copy(), mask[number:, left:].copy()))
        rooms.append(np.ascontiguousarray(image[: 200 - 9 * number, 100 : 350 + number]))
    sizes = np.array([room.shape[1::-1] for room in rooms])
    index = Index(np.full(6, 1 / 6), np.array([outline(picture.mask) for picture in people]), sizes)
    return Album(people, rooms, index, [])


@pytest.fixture(scope="module")
def galleries(album):
    return make_gallery(album.people, CPU), make_gallery(
        [opencv.Picture(r, np.zeros(r.shape[:2], np.uint8)) for r in album.rooms], CPU
    )


def nothing_but(album, **changes):
    """What is drawn for N pictures, of which only the framing and `changes` are done."""
    draws = draw(np.random.default_rng(5), N, SIZE, album.index.outlines, album.index.chances, album.index.rooms)
    none, one = np.zeros(N), np.ones(N)
    nothing = {
        **dict.fromkeys(("nobody", "composited"), none > 0),
        **dict.fromkeys(("scene", "motion", "quality"), none.astype(int)),
        **dict.fromkeys(("defocus", "light", "blur", "noise"), none),
        **dict.fromkeys(("gamma", "contrast", "saturation", "shrunk"), one),
        "gain": 1.002 * one,  # at 1 it is up to the last bit whether a level is cut to itself or to the one below
        "balance": np.ones((N, 3)),
    }
    return replace(draws, **(nothing | changes))


def both(album, galleries, draws):
    """Pictures and masks, uint8, by OpenCV and by torch."""
    made = [
        opencv.augment(album.people[one.person], album.rooms[one.room], one, SIZE, np.random.default_rng(0))
        for one in map(draws.each, range(N))
    ]
    images, masks = augment(*galleries, draws, on_device(draws, CPU), SIZE, torch.Generator().manual_seed(0))
    theirs = np.stack([picture.image for picture in made]), np.stack([picture.mask for picture in made])
    return theirs, (images.permute(0, 2, 3, 1).numpy(), masks[:, 0].numpy())


def spread(low, high):
    return np.linspace(low, high, N)


RNG = np.random.default_rng(9)
ALL = np.ones(N, bool)
# What is done → grey levels that a pixel differs by on average, and how many may differ by more than 3. Without JPEG
# these are roundings; with it, single coefficients that are rounded the other way.
OPERATIONS = {
    "framing": ({}, 0.01, 0),
    "a room": ({"nobody": ALL}, 0.01, 0),
    "a room out of focus": ({"nobody": ALL, "defocus": spread(0.4, 2.5)}, 0.06, 0),
    "light from one side": ({"light": spread(0.1, 0.5)}, 0.01, 0),
    "gamma": ({"gamma": spread(0.5, 2.0)}, 0.02, 0),
    "contrast and gain": ({"contrast": spread(0.6, 1.5), "gain": spread(1.4, 0.3)}, 0.02, 0),
    "white balance": ({"balance": RNG.uniform(0.8, 1.25, (N, 3))}, 0.02, 0),
    "saturation": ({"saturation": spread(0.0, 1.3)}, 0.1, 0),
    "a small sensor": ({"shrunk": spread(0.35, 0.9)}, 0.35, 0),
    "motion": ({"motion": np.arange(N) % 5 + 3, "heading": spread(0, 180)}, 0.1, 0),
    "blur": ({"blur": spread(0.4, 1.2)}, 0.06, 0),
    "jpeg": ({"quality": np.arange(25, 25 + 4 * N, 4)}, 0.8, 0.02),
    "bars": ({"nobody": ALL, "scene": np.full(N, BARS)}, 0, 0),
    "a covered lens": ({"nobody": ALL, "scene": np.full(N, LENS)}, 0, 0),
    "a plain area": ({"nobody": ALL, "scene": np.full(N, PLAIN)}, 0.1, 0),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_gives_what_opencv_gives(album, galleries, name):
    changes, mean, outliers = OPERATIONS[name]
    before = both(album, galleries, nothing_but(album))[0][0]
    (images, masks), (ours, our_masks) = both(album, galleries, nothing_but(album, **changes))
    assert not changes or np.abs(images.astype(int) - before).mean() > 0.5  # something is done
    difference = np.abs(images - ours)
    assert difference.mean() <= mean
    assert (difference > 3).mean() <= outliers
    assert np.abs(masks - our_masks).max() <= 1


def test_composites_are_cut_out_feathered_and_lit_as_by_opencv(album, galleries):
    apart = album.index.outlines["apart"] > 0
    assert 0 < apart.sum() < len(apart)
    chances = apart / apart.sum()
    draws = draw(np.random.default_rng(3), 400, SIZE, album.index.outlines, chances, album.index.rooms)
    draws = draws.each(np.flatnonzero(draws.composited)[:N])
    kept = ("person", "room", "composited", "placed", "feather", "harmony", "around")
    draws = nothing_but(album, **{name: getattr(draws, name) for name in kept})
    (images, masks), (ours, our_masks) = both(album, galleries, draws)
    assert np.abs(images - ours).mean() < 0.05
    assert (np.abs(images - ours) > 3).mean() == 0
    assert np.abs(masks - our_masks).max() <= 2
    assert ((masks > 20) & (masks < 235)).any(axis=(1, 2)).all()
    plain = both(album, galleries, replace(draws, harmony=np.zeros(N)))[1][0]
    assert np.abs(plain - ours).mean() > 0.5


def test_noise_made_of_the_same_numbers_is_the_same_noise(album):
    images = np.stack([cv2.resize(picture.image, SIZE) for picture in album.people])
    sigma, fine, coarse, made = np.linspace(1, 15, 6), [], [], []
    for number, image in enumerate(images):
        made.append(opencv.noisy(image, sigma[number], np.random.default_rng(number)))
        rng = np.random.default_rng(number)
        fine.append(rng.standard_normal((1, SIZE[1], SIZE[0]), dtype=np.float32))
        coarse.append(rng.standard_normal((SIZE[1] // 2, SIZE[0] // 2, 3), dtype=np.float32).transpose(2, 0, 1))
    tensors = (torch.from_numpy(np.stack(part)) for part in (fine, coarse))
    ours = lens.noisy(torch.from_numpy(images).permute(0, 3, 1, 2).float(), torch.from_numpy(sigma).float(), *tensors)
    assert np.abs(ours.permute(0, 2, 3, 1).numpy() - np.stack(made)).mean() < 0.01


def test_a_picture_is_mirrored_beyond_its_borders_again_and_again_or_cut(album, galleries):
    far = torch.tensor([[[3.0, 0, -200], [0, 3.0, -150]]])
    who = torch.tensor([1])
    framed = opencv.warp(album.people[1].image, far[0].numpy(), SIZE)
    ours = crop(galleries[0], who, far, SIZE)[0, :3].permute(1, 2, 0).numpy()
    assert np.abs(framed - ours).max() <= 1
    cut = crop(galleries[0], who, far, SIZE, torch.tensor([True]))[0]
    assert float(cut[:, :20].abs().max()) == 0
    assert float(cut[:3].max()) > 0


def test_whole_batches_are_those_of_the_workers_but_for_the_noise(album):
    ours, theirs = DeviceBatches(album, CPU, N, 9, 1), Batches(album, N, 9, 1)
    for step in (0, 1, 2):
        _, draws = album.index.draw(N, 1, step)
        quiet = draws.noise == 0
        (images, masks), (other_images, other_masks) = ours[step], theirs[step]
        assert (images.shape, images.dtype, masks.dtype) == (other_images.shape, torch.uint8, torch.uint8)
        difference = (images.float() - other_images.float()).abs().mean((1, 2, 3)).numpy()
        assert difference[quiet].max() < 2
        assert (masks.int() - other_masks.int()).abs().max() <= 2
        assert 0 < quiet.sum() < N


def test_batches_have_the_statistics_of_the_workers(album):
    """In steps of their own, so that it is not the same pictures that agree."""

    def statistics(batches, start):
        rows = []
        for images, masks in (batches[step] for step in range(start, start + 12)):
            x, person = images.float(), masks > 127
            spread = x.std((1, 2, 3))
            rough = (x[..., 1:] - x[..., :-1]).abs().mean((1, 2, 3))
            rows.append(torch.stack([x.mean((1, 2, 3)), spread, rough, person.float().mean((1, 2, 3)),
                                     (~person.flatten(1).any(1)).float()], dim=1))  # fmt: skip
        return torch.cat(rows)

    one, other = (statistics(kind, start) for kind, start in (
        (Batches(album, 32, 99, 0), 0), (DeviceBatches(album, CPU, 32, 99, 0), 50)))  # fmt: skip
    error = (one.var(0) / len(one) + other.var(0) / len(other)).sqrt()
    assert len(one) > 300
    assert ((one.mean(0) - other.mean(0)).abs() < 4 * error).all()


def test_a_batch_depends_on_its_number_and_the_seed_alone_and_processes_share_it(data):
    album = load_album(data, {"train/discs": 1.0}, "rooms")
    make = lambda seed, rank=0, world=1: DeviceBatches(album, CPU, 4, 10, seed, rank, world)  # noqa: E731
    one, two = make(0), make(0)
    two[3]
    assert all(torch.equal(a, b) for a, b in zip(one[7], two[7], strict=True))
    assert not torch.equal(one[7][0].float().mean(), make(1)[7][0].float().mean())
    parts = [make(0, rank, 2)[7][1] for rank in (0, 1)]
    assert torch.equal(one[7][1][0::2], parts[0])
    assert torch.equal(one[7][1][1::2], parts[1])


def test_void_is_kept_in_masks_and_is_no_hole_in_who_is_cut_out():
    mask = np.full((64, 64), 128, np.uint8)
    gallery = make_gallery([opencv.Picture(np.zeros((64, 64, 3), np.uint8), mask)], CPU)
    middle = torch.tensor([[[0.5, 0, 8], [0, 0.5, 8]]])
    assert set(crop(gallery, torch.tensor([0]), middle, (64, 64))[0, 3].unique().tolist()) == {128}
    assert ROOM == 0  # what on_device's zeros mean


class Questions(TorchDispatchMode):
    """Counts what would make the host wait for the device."""

    asked = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.asked += function.overloadpacket.__name__ in {"_local_scalar_dense", "nonzero", "equal", "is_nonzero"}
        return function(*args, **(kwargs or {}))


def test_no_batch_and_no_previous_mask_waits_for_the_device(album):
    batches, network = DeviceBatches(album, CPU, N, 9, 0), LightNet(LightConfig())
    with Questions() as of_batches:
        images, _ = batches[0]
    assert of_batches.asked == 0
    with Questions() as of_few:
        previous_masks(network, images[:4].float(), torch.Generator().manual_seed(0))
    with Questions() as of_many:
        previous_masks(network, images.float(), torch.Generator().manual_seed(0))
    assert of_few.asked == of_many.asked == 2  # a number and a seed that are drawn on the host
