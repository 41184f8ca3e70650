"""The colours of a film come out as they are meant, whatever its tags are."""

import av
import numpy as np
import pytest
from av.filter import Graph

from tests.helpers.files import flat_film
from vcam.frame import planes
from vcam.media import colour
from vcam.media.films import VideoFile
from vcam.media.yuv import to_bgr

RED, GREY = (200, 60, 60), (128, 128, 128)
UNSPECIFIED = 2


def halves(path):
    """The colours of the left and the right half of a film's first frame, RGB."""
    with VideoFile(path) as video:
        rgb = to_bgr(next(video.frames()))[..., ::-1].astype(int)
    height, width, _ = rgb.shape
    return rgb[height // 2, width // 8], rgb[height // 2, width - width // 8]


@pytest.mark.parametrize(
    ("matrix", "levels", "pixels", "size"),
    [
        (1, 1, "yuv420p", (160, 120)),
        (1, 2, "yuv420p", (160, 120)),
        (1, 1, "yuv422p10le", (162, 122)),
        (1, 2, "yuv444p", (160, 120)),
        (7, 1, "yuv420p", (160, 120)),
        (5, 1, "yuv420p", (160, 120)),
        (6, 2, "yuv444p", (160, 120)),
        (UNSPECIFIED, 1, "yuv420p", (720, 576)),
        (UNSPECIFIED, 1, "yuv420p", (1280, 720)),
        (UNSPECIFIED, 2, "yuv420p", (720, 1280)),
        (UNSPECIFIED, 1, "yuva444p10le", (1280, 720)),
        (1, 1, "yuva420p", (160, 120)),
    ],
)
def test_sdr_of_every_matrix_and_range_has_its_colours(tmp_path, matrix, levels, pixels, size):
    flat_film(tmp_path / "x.mkv", (RED, GREY), (matrix, levels, UNSPECIFIED, UNSPECIFIED), pixels=pixels, size=size)
    left, right = halves(tmp_path / "x.mkv")
    assert np.abs(left - RED).max() <= 3
    assert np.abs(right - GREY).max() <= 1


def test_each_grey_of_bt709_stays_as_it_is():
    ramp = np.resize(np.arange(16, 236, dtype=np.uint8), (64 * 3 // 2, 220))
    ramp[64:] = 128
    frame = av.VideoFrame.from_ndarray(ramp, format="yuv420p")
    frame.colorspace, frame.color_range = 1, 1
    assert np.array_equal(colour.to_i420(frame, 220, 64), ramp)


@pytest.mark.parametrize("matrix", [5, 6, UNSPECIFIED])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj422p", "yuv444p10le", "rgb24"])
def test_sdr_of_bt601_is_what_ffmpeg_makes_of_it_bit_for_bit(pixels, matrix):
    noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=pixels)
    frame.colorspace = 0 if pixels == "rgb24" else matrix
    plain = frame.reformat(
        160, 120, "yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG", interpolation="AREA"
    ).to_ndarray()
    assert np.array_equal(colour.to_i420(frame, 160, 120), plain)


@pytest.mark.parametrize("pixels", ["gray", "gray10le", "ya8", "rgb24"])
def test_grey_and_rgb_in_hd_have_no_matrix_to_be_changed(pixels):
    grey = np.full((720, 1280), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=pixels)
    _, blue, red = planes(colour.to_i420(frame, 1280, 720))
    assert np.abs(blue.astype(int) - 128).max() <= 1
    assert np.abs(red.astype(int) - 128).max() <= 1


def by_ffmpeg(path, transfer):
    """The halves of a film's first frame, brought to BT.709 by FFmpeg's own filter, which knows SDR only."""
    with av.open(str(path)) as source:
        graph = Graph()
        nodes = [
            graph.add_buffer(template=source.streams.video[0]),
            graph.add("colorspace", f"all=bt709:trc={transfer}:range=tv:format=yuv444p10"),
            graph.add("scale", "out_range=pc:flags=accurate_rnd+full_chroma_int"),
            graph.add("format", "gbrp"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        graph.push(next(source.decode(video=0)))
        rgb = graph.pull().to_ndarray().astype(int)
    height, width, _ = rgb.shape
    return rgb[height // 2, width // 8], rgb[height // 2, width - width // 8]


@pytest.mark.parametrize(
    ("matrix", "primaries", "transfer"),
    [(9, 9, 14), (9, 9, 15), (9, 9, 1), (1, 9, 1), (1, 12, 1), (1, 12, 13), (6, 12, 1), (9, UNSPECIFIED, 14)],
)
@pytest.mark.parametrize("colours", [((150, 90, 70), GREY), ((90, 120, 160), (30, 40, 35)), (GREY, (255, 255, 255))])
def test_sdr_of_a_wide_gamut_becomes_bt709_as_by_ffmpegs_filter(tmp_path, matrix, primaries, transfer, colours):
    tags = (matrix, 1, primaries, transfer)
    flat_film(tmp_path / "x.mkv", colours, tags, pixels="yuv444p10le")
    # The filter takes no tag for granted.
    flat_film(
        tmp_path / "tagged.mkv", colours, (matrix, 1, 9 if primaries == 2 else primaries, transfer), "yuv444p10le"
    )
    truth = by_ffmpeg(tmp_path / "tagged.mkv", "srgb" if transfer == 13 else "bt709")
    for ours, theirs in zip(halves(tmp_path / "x.mkv"), truth, strict=True):
        assert np.abs(ours - theirs).max() <= 4
    with VideoFile(tmp_path / "x.mkv") as video:
        assert video.colours == (1, 13 if transfer == 13 else 1)


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuva444p10le"])
def test_hdr_is_brought_down_to_what_a_screen_shows(tmp_path, pixels):
    paper, dark = 0.75, 0.25  # 203 cd/m² by HLG
    flat_film(tmp_path / "hlg.mkv", (grey(paper), grey(dark)), (9, 1, 9, 18), pixels)
    white, black = halves(tmp_path / "hlg.mkv")
    assert (white >= 215).all()
    assert (white <= 250).all()
    assert np.ptp(white) <= 2
    assert np.abs(black - 70).max() <= 8
    flat_film(tmp_path / "pq.mkv", (grey(0.5806), grey(0.7518)), (9, 1, 9, 16), pixels)  # 203 and 1000 cd/m²
    paper_of_pq, brightest = halves(tmp_path / "pq.mkv")
    assert np.abs(paper_of_pq - white).max() <= 3
    assert (brightest >= 253).all()
    with VideoFile(tmp_path / "hlg.mkv") as video:
        assert video.colours == (1, 1)


@pytest.mark.parametrize("transfer", [16, 18])
def test_more_light_is_never_darker(transfer):
    ramp = np.repeat(np.linspace(0, 65535, 400).astype(np.uint16)[None, :, None], 3, axis=2)
    shown = colour.to_bt709(ramp, 9, transfer)
    assert (np.diff(shown[0].astype(int), axis=0) >= 0).all()
    assert np.abs(shown - shown[..., :1].astype(int)).max() <= 1
    assert shown[0, 0].max() == 0
    assert shown[0, -1].min() == 255


@pytest.mark.parametrize("transfer", [16, 18])
def test_the_colours_of_hdr_keep_their_order(tmp_path, transfer):
    flat_film(tmp_path / "x.mkv", ((140, 90, 70), (70, 90, 140)), (9, 1, 9, transfer), "yuv420p10le")
    warm, cold = halves(tmp_path / "x.mkv")
    assert warm[0] - 15 > warm[1] > warm[2] + 4
    assert cold[2] - 15 > cold[1] > cold[0] + 4


def test_a_projectors_primaries_leave_grey_grey(tmp_path):
    flat_film(tmp_path / "x.mkv", (GREY, (40, 40, 40)), (1, 1, 11, 1), "yuv444p10le")
    for half in halves(tmp_path / "x.mkv"):
        assert np.ptp(half) <= 1


def grey(signal):
    """RGB of 0 to 255."""
    return (255 * signal,) * 3
