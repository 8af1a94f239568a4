"""Which creators a merchant would consider: filters that return who is kept and who is not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

import numpy as np

from matching.catalog import RANGES, TIERS, Catalog
from matching.errors import BadInput, UnknownId
from models.blocks import Mask
from models.vocabulary import Rows

Bounds = tuple[float | None, float | None]

#: The field of a filter, and the column of the catalog it reads.
_LABELS = {"categories": "categories", "regions": "region", "agency_ids": "agency_id"}


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which creators may be in a list.

    All fields that are given must hold; within one, any of its values will do. Ranges are
    ``(low, high)``, both included, and either may be None. A creator whose value is unknown
    fails a filter on it, and so does one known by a range that lies only partly inside, unless
    ``keep_unknown`` is set.

    Parameters
    ----------
    creator_ids : list of str
        Exactly these creators.
    exclude_creator_ids : list of str
        None of these; ids nobody knows exclude nobody.
    categories, regions, agency_ids : list of str
        Compared without regard to capitals.
    tiers : list of str
        Any of nano, micro, mid, macro, head (by followers).
    followers, slot_fee, commission_rate, reputation : (low, high)
    audience : dict of dimension to dict of segment to minimum share
        Every minimum must be reached, e.g. ``{"gender": {"female": 0.5}}``. Each dimension is
        read of the creator's viewers; where these are not told, of its fans, else of its buyers.
    keep_unknown : bool
        Let creators pass whose value is not known.

    Raises
    ------
    BadInput
        When a field holds a value of the wrong kind.

    Examples
    --------
    >>> Where(categories=["beauty"], followers=(10_000, None)).active()
    ['categories', 'followers']
    >>> Where(regions="north")
    Traceback (most recent call last):
        ...
    matching.errors.BadInput: where.regions: got 'north', expected a list of texts; write ['north']
    """

    creator_ids: Sequence[str] | None = None
    exclude_creator_ids: Sequence[str] | None = None
    categories: Sequence[str] | None = None
    regions: Sequence[str] | None = None
    agency_ids: Sequence[str] | None = None
    tiers: Sequence[str] | None = None
    followers: Bounds | None = None
    slot_fee: Bounds | None = None
    commission_rate: Bounds | None = None
    reputation: Bounds | None = None
    audience: Mapping[str, Mapping[str, float]] | None = None
    keep_unknown: bool = False

    def __post_init__(self) -> None:
        for name in ("creator_ids", "exclude_creator_ids", *_LABELS, "tiers"):
            _check_list(name, getattr(self, name))
        for name in RANGES:
            _check_bounds(name, getattr(self, name))
        for tier in self.tiers or ():
            if tier not in TIERS:
                raise BadInput(f"where.tiers: got {tier!r}, expected one of {', '.join(TIERS)}")
        _check_audience(self.audience)

    def active(self) -> list[str]:
        """Names of the fields that filter."""
        given = (field.name for field in fields(self) if field.name != "keep_unknown")
        return [name for name in given if getattr(self, name) is not None]


@dataclass(frozen=True)
class Kept:
    """What the filters left, and what each of them took.

    Attributes
    ----------
    rows : int32 array
        Creators that pass every filter, in row order.
    removed : dict of str to int32 array
        Creators removed, under the first filter that removed them. With ``rows`` they make up
        every creator, nobody twice.
    """

    rows: Rows
    removed: Mapping[str, Rows]

    def counts(self) -> dict[str, int]:
        """How many creators each filter removed."""
        return {name: len(rows) for name, rows in self.removed.items()}


def keep(catalog: Catalog, where: Where | None, also: Mapping[str, Mask] | None = None) -> Kept:
    """Apply the filters in the order of their fields, then those that only the caller knows.

    Parameters
    ----------
    also : dict of str to bool array of shape (number of creators,), optional
        Further filters, e.g. ``{"exclude_worked_with": mask of those to keep}``.

    Raises
    ------
    UnknownId
        When ``creator_ids`` names a creator that no table holds.
    BadInput
        When an audience dimension or segment is not one of this market's.
    """
    passing = np.ones(len(catalog), dtype=bool)
    removed: dict[str, Rows] = {}
    steps = [*(_tests(catalog, where) if where is not None else ()), *(also or {}).items()]
    for name, passes in steps:
        gone = np.flatnonzero(passing & ~passes)
        removed[name] = gone.astype(np.int32)
        passing[gone] = False
    return Kept(np.flatnonzero(passing).astype(np.int32), removed)


def _tests(catalog: Catalog, where: Where) -> Iterator[tuple[str, Mask]]:
    """Who passes each active field."""
    unknown_passes = where.keep_unknown
    if where.creator_ids is not None:
        rows, known = catalog.ids.find(where.creator_ids)
        if not known.all():
            missing = next(one for one, ok in zip(where.creator_ids, known, strict=True) if not ok)
            raise UnknownId(f"where.creator_ids: no table holds a creator {missing!r}")
        yield "creator_ids", _mask(len(catalog), rows)
    if where.exclude_creator_ids is not None:
        rows, _ = catalog.ids.find(where.exclude_creator_ids)
        yield "exclude_creator_ids", ~_mask(len(catalog), rows)
    for name, column in _LABELS.items():
        wanted = getattr(where, name)
        if wanted is not None:
            yield name, _has_label(catalog, column, wanted, unknown_passes)
    if where.tiers is not None:
        yield "tiers", _in_tiers(catalog, where.tiers, unknown_passes)
    for name in RANGES:
        bounds = getattr(where, name)
        if bounds is not None and tuple(bounds) != (None, None):
            inside = _inside(catalog.low[name], catalog.high[name], bounds)
            yield name, _settle(*inside, unknown_passes)
    if where.audience is not None:
        yield "audience", _has_audience(catalog, where.audience, unknown_passes)


def _settle(surely: Mask, possibly: Mask, unknown_passes: bool) -> Mask:
    return possibly if unknown_passes else surely


def _inside(low: Any, high: Any, bounds: Bounds) -> tuple[Mask, Mask]:
    """Whose value surely lies within bounds, and whose possibly does (an unknown one may)."""
    least = -np.inf if bounds[0] is None else bounds[0]
    most = np.inf if bounds[1] is None else bounds[1]
    return (low >= least) & (high <= most), ~((high < least) | (low > most))


def _has_label(catalog: Catalog, column: str, wanted: Sequence[str], unknown_passes: bool) -> Mask:
    bearers, names = catalog.bearers[column], catalog.names[column]
    has = catalog.unlabelled[column].copy() if unknown_passes else np.zeros(len(catalog), bool)
    for label in wanted:
        if label.casefold() in names:
            has[bearers.one(names[label.casefold()])] = True
    return has


def _in_tiers(catalog: Catalog, tiers: Sequence[str], unknown_passes: bool) -> Mask:
    starts = [*TIERS.values(), np.inf]
    surely = np.zeros(len(catalog), dtype=bool)
    possibly = surely.copy()
    low, high = catalog.low["followers"], catalog.high["followers"]
    for tier in tiers:
        place = list(TIERS).index(tier)
        start, end = starts[place], np.nextafter(starts[place + 1], 0)
        sure, maybe = _inside(low, high, (start, end))
        surely, possibly = surely | sure, possibly | maybe
    return _settle(surely, possibly, unknown_passes)


def _has_audience(
    catalog: Catalog, audience: Mapping[str, Mapping[str, float]], unknown_passes: bool
) -> Mask:
    passes = np.ones(len(catalog), dtype=bool)
    for dimension, minima in audience.items():
        for segment, least in minima.items():
            column = catalog.segment(dimension, segment)
            if column is None:
                _refuse_segment(catalog, dimension, segment)
                passes &= unknown_passes
                continue
            low, high = catalog.share_low[:, column], catalog.share_high[:, column]
            passes &= _settle(*_inside(low, high, (float(np.float32(least)), None)), unknown_passes)
    return passes


def _refuse_segment(catalog: Catalog, dimension: str, segment: str) -> None:
    """Raise for a name this market's audiences do not use; without audiences nothing is wrong."""
    known = {f"{one}.{other}" for one, other in catalog.segments}
    if known:
        got = f"{dimension}.{segment}"
        near = get_close_matches(got, sorted(known), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise BadInput(f"where.audience: no creator's audience tells of {got!r}{hint}")


def _mask(n: int, rows: Rows) -> Mask:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask


def _check_list(name: str, value: object) -> None:
    if isinstance(value, str):
        raise BadInput(f"where.{name}: got {value!r}, expected a list of texts; write [{value!r}]")
    # An iterator would be used up by this very check, and then filter everybody out.
    of_texts = isinstance(value, Collection) and all(isinstance(one, str) for one in value)
    if value is not None and not of_texts:
        raise BadInput(f"where.{name}: got {value!r}, expected a list of texts")


def _check_bounds(name: str, value: object) -> None:
    if value is None:
        return
    if not (isinstance(value, tuple | list) and len(value) == 2):
        raise BadInput(f"where.{name}: got {value!r}, expected (low, high), either may be None")
    low, high = value
    for one in (low, high):
        if one is not None and (
            isinstance(one, bool) or not isinstance(one, int | float | np.number)
        ):
            raise BadInput(f"where.{name}: got {one!r}, expected a number or None")
        if one is not None and np.isnan(one):
            raise BadInput(f"where.{name}: got nan, expected a number or None")
    if low is not None and high is not None and low > high:
        raise BadInput(f"where.{name}: got low {low} above high {high}; swap them")


def check_shares(name: str, value: object, what: str = "share") -> None:
    """Refuse what is no ``{dimension: {segment: number}}``.

    Raises
    ------
    BadInput
        Under ``name``, with ``what`` for the number.
    """
    shape = f"expected {{dimension: {{segment: {what}}}}}"
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise BadInput(f"{name}: got {value!r}, {shape}")
    for dimension, shares in value.items():
        for segment, share in shares.items():
            if isinstance(share, bool) or not isinstance(share, int | float | np.number):
                raise BadInput(f"{name}: got {share!r} for {dimension}.{segment}, {shape}")


def _check_audience(value: Any) -> None:
    if value is None:
        return
    check_shares("where.audience", value, "minimum share")
    for dimension, minima in value.items():
        for segment, least in minima.items():
            if not 0 <= least <= 1:
                raise BadInput(
                    f"where.audience: got {least} for {dimension}.{segment}, "
                    "expected a share from 0 to 1"
                )
