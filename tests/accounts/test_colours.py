"""The colours of accounts: each is in the style sheet, and can be told from what it lies on."""

import re
from pathlib import Path

import pytest

from accounts.models.users import COLOURS

SHEET = (Path(__file__).resolve().parents[2] / "static/css/site.css").read_text(encoding="utf-8")
PAIR = r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)"
# WCAG 2.2: AA for text, so that a mark may be text one day.
AA = 4.5


def pair(name: str) -> tuple[str, str]:
    """Return a variable's colours, light and dark."""
    found = re.findall(rf"{name}: {PAIR};", SHEET)
    assert len(found) == 1, f"{name} is said once"
    light, dark = found[0]
    return light, dark


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the ratio of contrast: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, ground: str, percent: int) -> str:
    """Return `percent` of a colour over a ground, as `color-mix` makes it."""
    parts = (
        round(
            (
                int(colour[at : at + 2], 16) * percent
                + int(ground[at : at + 2], 16) * (100 - percent)
            )
            / 100
        )
        for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_keeps_its_contrast_in_both_themes(colour: str) -> None:
    marks = pair(rf"\.colour-{colour} {{ --mark")
    (share,) = set(re.findall(r"color-mix\(in srgb, var\(--mark\) (\d+)%, var\(--panel\)\)", SHEET))
    for theme, mark in enumerate(marks):
        for ground in ("--bg", "--panel", "--raised"):
            assert contrast(mark, pair(ground)[theme]) >= AA, (ground, theme)
        band = mixed(mark, pair("--panel")[theme], int(share))
        for word in ("--text", "--dim"):
            assert contrast(pair(word)[theme], band) >= AA, (word, theme)
