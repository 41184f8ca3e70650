"""Colours that follow the system's palette: tints of the strip, and what is drawn beside the style's own."""

from PySide6.QtGui import QColor, QPalette

from vcam.panel.states import Tint

HUES = {"green": QColor(46, 160, 67), "amber": QColor(227, 140, 12), "red": QColor(218, 54, 51)}
SHARE = 0.2  # of the hue in a tint
SEEN = 3.0  # contrast that a shape needs, by WCAG 2.1 (1.4.11)


def mixed(base: QColor, hue: QColor, share: float) -> QColor:
    """Between two colours; 0 is the first."""
    parts = zip((base.red(), base.green(), base.blue()), (hue.red(), hue.green(), hue.blue()), strict=True)
    return QColor(*(round(old + (new - old) * share) for old, new in parts))


def tinted(palette: QPalette, tint: Tint) -> QColor:
    """What the strip is painted with."""
    window = palette.color(QPalette.ColorRole.Window)
    return mixed(window, HUES[tint], SHARE) if tint else mixed(window, palette.color(QPalette.ColorRole.Mid), 0.25)


def mark_colour(palette: QPalette, tint: Tint) -> QColor:
    """What the strip's shape is painted with: its hue, as far towards the text's colour as it must be to be seen."""
    text = palette.color(QPalette.ColorRole.WindowText)
    if not tint:
        return text
    nearer = (mixed(HUES[tint], text, percent / 100) for percent in range(0, 101, 5))
    return next((colour for colour in nearer if contrast(colour, tinted(palette, tint)) >= SEEN), text)


def frame_colour(palette: QPalette) -> QColor:
    """Of thin lines around pictures."""
    window, text = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.WindowText)
    return mixed(window, text, 0.25)


def contrast(one: QColor, other: QColor) -> float:
    """How well one is read on the other, 1 to 21, as WCAG 2 defines it."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: QColor) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    shares = (colour.redF(), colour.greenF(), colour.blueF())
    linear = [share / 12.92 if share <= 0.03928 else float(((share + 0.055) / 1.055) ** 2.4) for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
