"""Names on a chart: in letters that some font has, and where they touch nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font
from matplotlib.patheffects import withStroke

from models.pairs import Floats
from training.drawing import INK

#: Left, bottom, right and top in pixels.
Box = tuple[float, float, float, float]

_LATIN = "DejaVu Sans"
#: Fonts with Chinese letters, as systems call them; the first that is installed is used.
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
)
#: Longer names are cut.
_LONGEST = 18
#: What simulated markets add to every name, and their chart says in its title.
_MARK = " (synthetic)"
#: Names beyond these would lie on each other.
MOST_NAMES = 14


@cache
def families() -> list[str]:
    """Fonts to draw names with: the usual one, and a Chinese one where there is any."""
    for name in _CHINESE:
        try:
            findfont(name, fallback_to_default=False)
        except ValueError:
            continue
        return [_LATIN, name]
    return [_LATIN]


@cache
def _letters() -> frozenset[int]:
    paths = [findfont(name) for name in families()]
    return frozenset(letter for path in paths for letter in FT2Font(path).get_charmap())


def called(name: object, id_: str) -> str:
    """What to call somebody: its name, or its id where it has none that a font can draw.

    Examples
    --------
    >>> called("Ada (synthetic)", "c7"), called(None, "c7"), called("Somebody of a long name", "c7")
    ('Ada', 'c7', 'Somebody of a lon…')
    """
    told = name.removesuffix(_MARK) if isinstance(name, str) else ""
    if not told.strip() or not all(ord(letter) in _letters() for letter in told):
        told = id_
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1].rstrip(" (（") + "…"


def name_points(axes: Axes, names: Sequence[str], x: Floats, y: Floats) -> int:
    """Name points, the first ones first, where the name touches no other name or point.

    Returns
    -------
    int
        How many found a place; `MOST_NAMES` at most.
    """
    places = axes.transData.transform(list(zip(x.tolist(), y.tolist(), strict=True)))
    taken = [(px - 5.0, py - 5.0, px + 5.0, py + 5.0) for px, py in places]
    taken += [box_of(text) for text in axes.texts]
    inside = box_of(axes)
    named = 0
    for name, at_x, at_y in zip(names, x.tolist(), y.tolist(), strict=True):
        if named == MOST_NAMES:
            break
        for right, up in ((True, True), (False, True), (True, False), (False, False)):
            text = axes.annotate(
                name,
                (at_x, at_y),
                (6 if right else -6, 4 if up else -4),
                textcoords="offset points",
                ha="left" if right else "right",
                va="bottom" if up else "top",
                fontsize=8,
                family=families(),
                color=INK,
                zorder=4,
                # A $ in a name is no formula.
                parse_math=False,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
            box = box_of(text)
            if _within(box, inside) and not any(_touch(box, one) for one in taken):
                taken.append(box)
                named += 1
                break
            text.remove()
    return named


def box_of(artist: Artist) -> Box:
    """Where something lies on the page."""
    left, bottom, right, top = artist.get_window_extent().extents
    return float(left), float(bottom), float(right), float(top)


def _within(box: Box, frame: Box) -> bool:
    return frame[0] < box[0] and frame[1] < box[1] and box[2] < frame[2] and box[3] < frame[3]


def _touch(one: Box, other: Box) -> bool:
    return not (one[0] > other[2] or one[2] < other[0] or one[1] > other[3] or one[3] < other[1])
