"""Batches that depend on their number alone, shared among processes, of the sizes that a network takes."""

import pytest
import torch

from training.augment.batches import Batches, load_album


def test_a_batch_depends_on_its_number_and_the_seed_alone(data):
    album = load_album(data, {"train/discs": 1.0}, "rooms")
    make = lambda seed: Batches(album, 4, 10, seed)  # noqa: E731
    one, two = make(0), make(0)
    two[3]
    for a, b in zip(one[7], two[7], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[7][0].float().mean(), make(1)[7][0].float().mean())


def test_the_processes_of_a_run_share_its_batches_without_overlap(data):
    album = load_album(data, {"train/discs": 1.0}, "rooms")
    make = lambda rank, world: Batches(album, 4, 10, 0, rank, world)  # noqa: E731
    whole, parts = make(0, 1)[5], [make(rank, 2)[5] for rank in (0, 1)]
    for whole_tensor, zero, one in zip(whole, *parts, strict=True):
        assert torch.equal(whole_tensor[0::2], zero)
        assert torch.equal(whole_tensor[1::2], one)


def test_sets_are_drawn_as_often_as_they_weigh_however_many_pictures_they_have(data):
    (data / "train/discs/few.txt").write_text("1\n3\n")
    chances = load_album(data, {"train/discs": 1.0, "train/discs/few": 3.0}, "rooms").index.chances
    assert chances.tolist() == pytest.approx([1 / 24] * 6 + [3 / 8] * 2)


def test_batches_have_the_areas_of_the_networks_input_sizes(data):
    album = load_album(data, {"train/discs": 1.0}, "rooms", ((320, 176), (640, 352)))
    shapes = {tuple(Batches(album, 1, 40, 0)[step][0].shape[2:]) for step in range(40)}
    assert {(176, 320), (352, 640), (272, 208)} <= shapes
    for height, width in shapes:
        assert min(abs(height * width / area - 1) for area in (320 * 176, 640 * 352)) < 0.08
