"""What wrongly read labels cost."""

from training.data.voc_data import load_voc
from training.measure.label_errors import score_label_errors


def test_what_is_taught_wrongly_bounds_what_can_be_scored(folder):
    report = score_label_errors(load_voc(folder / "val").pictures)
    assert report["right"]["miou"] > 0.95
    assert report["none: all is background"]["iou_cat"] == 0.0
    assert report["none: all is background"]["predicted_background"] == 1.0
    assert report["void taken for class 20"]["miou"] <= report["right"]["miou"]
    smooth = report["resized as a picture, void taken for background"]
    assert smooth["miou"] < report["right"]["miou"]
    grey = report["grey values of the palette's colours, above 20 for background"]
    assert grey["iou_cat"] < 0.5
