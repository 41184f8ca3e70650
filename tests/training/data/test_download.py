"""VOC and SBD, from archives to the folder that training reads. Nothing is downloaded."""

import io
import sys
import tarfile
import types

import numpy as np
import pytest
from PIL import Image

from tests.helpers.voc_scene import a_scene, save_labels
from training.data.download import download
from training.data.voc_data import load_voc
from training.errors import DataError


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Archives of VOC and SBD in their layouts, where torchvision would have put them, and a reader of .mat files."""
    from torchvision.datasets import sbd as sbd_module
    from torchvision.datasets import voc as voc_module
    from torchvision.datasets.utils import calculate_md5

    image, labels = a_scene()
    jpeg, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(image).save(jpeg, "JPEG")
    save_labels(png, labels)
    inside = "VOCdevkit/VOC2012"
    lists = {"train": "a\n", "val": "b\n", "trainval": "a\nb\n"}
    files = {f"{inside}/ImageSets/Segmentation/{name}.txt": text.encode() for name, text in lists.items()}
    files |= {f"{inside}/JPEGImages/{name}.jpg": jpeg.getvalue() for name in "abc"}
    files |= {
        f"{inside}/Segmentation{kind}/{name}.png": png.getvalue() for name in "ab" for kind in ("Class", "Object")
    }
    sbd = "benchmark_RELEASE/dataset"
    more = {f"{sbd}/train.txt": b"a\nb\nc\n", f"{sbd}/val.txt": b"d\n", f"{sbd}/img/d.jpg": jpeg.getvalue()}
    more |= {f"{sbd}/{part}/{name}.mat": name.encode() for part in ("cls", "inst") for name in "abcd"}
    home = tmp_path / "data"
    home.mkdir()
    for place, content, kind in (
        (home / "VOCtrainval_11-May-2012.tar", files, "w"),
        (home / "sbd.new" / "benchmark.tgz", more, "w:gz"),
    ):
        place.parent.mkdir(exist_ok=True)
        with tarfile.open(place, kind) as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    monkeypatch.setitem(
        voc_module.DATASET_YEAR_DICT["2012"], "md5", calculate_md5(home / "VOCtrainval_11-May-2012.tar")
    )
    monkeypatch.setattr(sbd_module.SBDataset, "md5", calculate_md5(home / "sbd.new" / "benchmark.tgz"))

    def loadmat(path):
        key = "GTcls" if "/cls/" in path else "GTinst"
        value = labels if key == "GTcls" else (labels > 0).astype(np.uint8)
        value = np.where(value == 255, 0, value).astype(np.uint8)  # SBD knows no void
        record = np.empty(1, [("Segmentation", object)])
        record["Segmentation"][0] = value
        return {key: record[None]}

    scipy = types.ModuleType("scipy")
    scipy.io = types.ModuleType("scipy.io")
    scipy.io.loadmat = loadmat
    monkeypatch.setitem(sys.modules, "scipy", scipy)
    monkeypatch.setitem(sys.modules, "scipy.io", scipy.io)
    return home


def test_voc_and_sbd_become_one_folder_that_training_reads(served):
    said = download(served, sbd=True)
    assert "train_aug 3" in said
    root = served / "voc2012"
    assert (root / "ImageSets/Segmentation/train_aug.txt").read_text().split() == ["a", "c", "d"]  # b is VOC's val
    loaded = {picture.name: picture for picture in load_voc(root / "train_aug").pictures}
    assert (loaded["a"].labels() == 255).any()  # VOC's own, not SBD's
    assert np.array_equal(loaded["d"].labels(), np.where(a_scene()[1] == 255, 0, a_scene()[1]))
    assert not (root / "SegmentationClass" / "b.png").samefile(root / "SegmentationClass" / "a.png")
    before = (root / "SegmentationClass" / "d.png").stat().st_mtime_ns
    assert download(served, sbd=True) == said
    assert (root / "SegmentationClass" / "d.png").stat().st_mtime_ns == before


def test_an_archive_of_another_content_is_refused_and_leaves_nothing_that_looks_whole(served, monkeypatch):
    from torchvision.datasets import utils
    from torchvision.datasets import voc as voc_module

    def no_network(*arguments, **options):
        raise OSError("the network is down")

    monkeypatch.setitem(voc_module.DATASET_YEAR_DICT["2012"], "md5", "0" * 32)
    monkeypatch.setattr(utils.urllib.request, "urlopen", no_network)
    with pytest.raises(DataError, match="VOC 2012 could not be fetched"):
        download(served)
    assert not (served / "voc2012").exists()


def test_sbd_without_scipy_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(DataError, match="uv pip install scipy"):
        download(tmp_path / "data", sbd=True)
    assert not (tmp_path / "data").exists()
