"""A tiny data set in the layout that a campaign takes: drawn people, rooms and VOC's classes."""

import cv2
import numpy as np
from PIL import Image

from tests.voc_scene import a_scene, save_labels
from training.config import read_recipe
from training.sweep import RECIPE

PICTURES = 3


def draw_data(root):
    rng, recipe = np.random.default_rng(0), read_recipe(RECIPE)
    for name in (*recipe["sets"], *recipe["validation"]):
        if not name.startswith("voc2012"):
            draw_people(root / name, rng)
    (root / "rooms").mkdir()
    for number in range(2):
        cv2.imwrite(str(root / "rooms" / f"{number}.jpg"), rng.integers(0, 90, (100, 140, 3)).astype(np.uint8))
    draw_voc(root / "voc2012")
    return root


def draw_people(folder, rng):
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(PICTURES):
        mask = np.zeros((64, 96), np.uint8)
        cv2.circle(mask, (int(rng.integers(30, 60)), 40), 20, 255, -1)
        image = rng.integers(0, 90, (64, 96, 3)).astype(np.uint8)
        image[mask > 0] = rng.integers(150, 255, 3)
        cv2.imwrite(str(folder / "images" / f"{number}.jpg"), image)
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)


def draw_voc(root):
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True)
    lists = {"train": ("a", "b"), "train_aug": ("a", "b", "c"), "val": ("d",)}
    for name in "abcd":
        image, labels = a_scene()
        Image.fromarray(image).save(root / "JPEGImages" / f"{name}.jpg", quality=95)
        save_labels(root / "SegmentationClass" / f"{name}.png", labels)
    for name, names in lists.items():
        (root / "ImageSets/Segmentation" / f"{name}.txt").write_text("".join(f"{one}\n" for one in names))
