"""What the colours of a film mean: every kind becomes BT.601, limited range, as all planes here are.

The numbers of matrices, primaries and transfer functions are those of ITU-T H.273, which FFmpeg has, too. SDR keeps its
primaries and its transfer function, which the result's tags then say; wide gamuts and HDR become BT.709's.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from vcam.frame import I420, empty, planes
from vcam.media.yuv import from_bgr

Pixels = NDArray[Any]

BT709, UNSPECIFIED, BT601, BT2020, BT2020_CONSTANT = 1, 2, 5, 9, 10
SRGB, PQ, HLG = 13, 16, 18
MATRICES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
} | dict.fromkeys((BT2020, BT2020_CONSTANT), (0.2627, 0.0593))  # share of red and of blue in the luma
D65 = 0.3127, 0.3290
GAMUTS = {  # x and y of red, green and blue; P3 for projectors with the white of screens, so that grey stays grey
    BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
WIDE = GAMUTS.keys() - {BT709}
HD = 1280, 576  # pixels of width from which, and of height above which, a film without tags is BT.709, as for mpv
WHITE, PEAK = 203.0, 1000.0  # cd/m²: of paper in HDR (ITU-R BT.2408), and the most that is told apart
SCREEN = 2.4  # the exponent of an SDR screen, ITU-R BT.1886
EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP


def tags(frame: VideoFrame) -> tuple[int, int]:
    """Primaries and transfer function of what to_i420 and to_rgba make of a frame."""
    if is_converted(frame):
        return BT709, SRGB if frame.color_trc == SRGB else BT709
    taken = BT709 if matrix_of(frame) == BT709 else UNSPECIFIED
    own = frame.color_primaries, frame.color_trc
    return own[0] if own[0] != UNSPECIFIED else taken, own[1] if own[1] != UNSPECIFIED else taken


def to_i420(frame: VideoFrame, width: int, height: int) -> I420:
    """The picture of a frame without transparency at (width, height), both even."""
    if is_converted(frame):
        pixels = empty(width, height)
        signal = frame.reformat(width, height, "gbrp16le", matrix_of(frame), interpolation=EXACT).to_ndarray()
        from_bgr(to_bt709(signal, primaries_of(frame), frame.color_trc)[..., ::-1], pixels)
        return pixels
    # FFmpeg's own way from one matrix to another is a level or two too dark, and grey is green then.
    own = matrix_of(frame)
    same = None if MATRICES[own] == MATRICES[BT601] else own
    plain = frame.reformat(
        width,
        height,
        format="yuv420p",
        src_colorspace=same,
        dst_colorspace=same or "ITU601",
        dst_color_range="MPEG",
        interpolation="AREA",
    )
    pixels = np.ascontiguousarray(plain.to_ndarray())
    return pixels if same is None else to_bt601(pixels, own)


def to_rgba(frame: VideoFrame) -> Pixels:
    """The picture of a frame with transparency, uint8 (H, W, 4)."""
    if not is_converted(frame):
        return frame.reformat(format="rgba", src_colorspace=matrix_of(frame), interpolation=EXACT).to_ndarray()
    deep: Pixels = frame.reformat(format="rgba64le", src_colorspace=matrix_of(frame), interpolation=EXACT).to_ndarray()
    return np.dstack(
        [to_bt709(deep[..., :3], primaries_of(frame), frame.color_trc), (deep[..., 3] >> 8).astype(np.uint8)]
    )


def is_converted(frame: VideoFrame) -> bool:
    """Whether its colours have to become others, and not only its matrix."""
    return frame.color_trc in (PQ, HLG) or primaries_of(frame) in WIDE


def matrix_of(frame: VideoFrame) -> int:
    """Of its luma and chroma, a key of MATRICES; BT601 where it has none, as RGB and grey."""
    if frame.format.is_rgb or len(frame.format.components) < 3:
        return BT601
    if frame.colorspace in MATRICES:
        return frame.colorspace
    return BT709 if frame.width >= HD[0] or frame.height > HD[1] else BT601


def primaries_of(frame: VideoFrame) -> int:
    """Its own, or those that belong to its other tags."""
    wide = frame.colorspace in (BT2020, BT2020_CONSTANT) or frame.color_trc in (PQ, HLG)
    return BT2020 if frame.color_primaries == UNSPECIFIED and wide else frame.color_primaries


def to_bt601(pixels: I420, matrix: int) -> I420:
    """From another matrix. Chroma says what is added to luma and chroma, and so grey stays as it is."""
    change = luma_chroma(*MATRICES[BT601]) @ np.linalg.inv(luma_chroma(*MATRICES[matrix]))
    result = np.empty_like(pixels)
    (y, *chroma), (new_y, *new_chroma) = planes(pixels), planes(result)
    blue, red = (plane.astype(np.float32) - 128 for plane in chroma)
    added = cv2.resize(change[0, 1] * blue + change[0, 2] * red, y.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cv2.add(y, added, dst=new_y, dtype=cv2.CV_8U)
    for plane, (of_blue, of_red) in zip(new_chroma, change[1:, 1:], strict=True):
        plane[:] = np.rint(128 + of_blue * blue + of_red * red).clip(0, 255)
    return result


def luma_chroma(red: float, blue: float) -> NDArray[np.float32]:
    """RGB of 0 to 1 → Y, Cb, Cr in levels of limited range, without their offsets (ITU-R BT.601 and BT.709)."""
    luma = np.array([red, 1 - red - blue, blue])
    rows = [219 * luma, 112 * (np.eye(3)[2] - luma) / (1 - blue), 112 * (np.eye(3)[0] - luma) / (1 - red)]
    return np.array(rows, np.float32)


def to_bt709(signal: Pixels, primaries: int, transfer: int) -> Pixels:
    """R'G'B', uint16 (H, W, 3), of any primaries and transfer function as an SDR screen is to get it, uint8, for the
    primaries of BT.709. What lies outside of them is clipped.
    """
    light = looked_up(signal, light_of(transfer))
    if transfer == HLG:
        light = looked_up(indexed(on_screen(light)), tone_of(PEAK))
    light = np.asarray(cv2.transform(light, change_of_primaries(primaries)))
    return looked_up(indexed(light), signal_of(transfer))


def looked_up(indices: Pixels, table: Pixels) -> Pixels:
    """table[indices], several times as quick."""
    return np.asarray(cv2.LUT(indices, table.reshape(1, -1)))


def on_screen(scene: Pixels) -> Pixels:
    """HLG's light of the scene, float32 RGB, as light of a screen, 1 = PEAK: the OOTF of ITU-R BT.2100, table 5."""
    luminance = cv2.transform(scene, np.array([[0.2627, 0.6780, 0.0593]], np.float32))
    gain = cv2.pow(luminance, 0.2)
    return np.asarray(cv2.multiply(scene, cv2.merge([gain, gain, gain])))


def indexed(light: Pixels) -> Pixels:
    """Light as uint16, 0 to 1, for a table: its root, which tells little light apart more finely."""
    root = cv2.sqrt(cv2.threshold(light, 0, 0, cv2.THRESH_TOZERO)[1])
    return np.asarray(cv2.addWeighted(root, 65535, root, 0, 0, dtype=cv2.CV_16U))  # in one pass, rounded and clipped


STEPS = np.linspace(0, 1, 65536)


@cache
def light_of(transfer: int) -> Pixels:
    """Of each signal the light, 1 = white: for HLG and SDR of the scene, for PQ of the SDR screen."""
    if transfer == PQ:
        light = toned(STEPS) / WHITE
    elif transfer == HLG:  # ITU-R BT.2100, table 5
        a = 0.17883277
        b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
        light = np.where(STEPS <= 0.5, STEPS**2 / 3, (np.exp((STEPS - c) / a) + b) / 12)
    elif transfer == SRGB:  # IEC 61966-2-1
        light = np.where(STEPS < 0.04045, STEPS / 12.92, ((STEPS + 0.055) / 1.055) ** 2.4)
    else:  # ITU-R BT.709, 1.2, inverted, as ITU-R BT.2087 has it
        light = np.where(STEPS < 0.081, STEPS / 4.5, ((STEPS + 0.099) / 1.099) ** (1 / 0.45))
    return light.astype(np.float32)


@cache
def tone_of(peak: float) -> Pixels:
    """Of each index of light, 1 = `peak` in cd/m², the light of the SDR screen, 1 = white."""
    return (toned(pq_signal(peak * STEPS**2)) / WHITE).astype(np.float32)


@cache
def signal_of(transfer: int) -> Pixels:
    """Of each index of light the signal, uint8, of what came with this transfer function: of HDR as an SDR screen wants
    it, of SDR by the inverse of light_of.
    """
    light = STEPS**2
    if transfer in (PQ, HLG):
        signal = light ** (1 / SCREEN)
    elif transfer == SRGB:
        signal = np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    else:
        signal = np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)
    return np.rint(255 * signal).astype(np.uint8)


@cache
def change_of_primaries(primaries: int) -> NDArray[np.float32]:
    """3 × 3, linear RGB of these primaries → that of BT.709; unknown ones stay."""
    own = GAMUTS.get(primaries, GAMUTS[BT709])
    return (np.linalg.inv(to_xyz(GAMUTS[BT709])) @ to_xyz(own)).astype(np.float32)


def to_xyz(gamut: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """3 × 3, linear RGB → CIE XYZ with white at D65 (SMPTE RP 177)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in gamut]).T
    x, y = D65
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


# ITU-R BT.2100, table 4
M1, M2, C1, C2, C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128


def pq_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m² of a signal."""
    power = signal ** (1 / M2)
    return 10_000 * (np.maximum(power - C1, 0) / (C2 - C3 * power)) ** (1 / M1)


def pq_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse."""
    power = (light / 10_000) ** M1
    return ((C1 + C2 * power) / (1 + C3 * power)) ** M2


def toned(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """PQ's signal as cd/m² of a screen of WHITE: up to a knee as it is, above it PEAK is brought down to WHITE by the
    curve of ITU-R BT.2390, 5.4.1.
    """
    peak, white = pq_signal(np.array([PEAK, WHITE]))
    most = white / peak
    knee = 1.5 * most - 0.5
    part = np.minimum(signal / peak, 1)
    t = np.maximum(part - knee, 0) / (1 - knee)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    return pq_light(np.where(part < knee, part, curve) * peak)
