"""What is known of a cooperation's conversion and exposures, and what more sessions would tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammaincinv, ndtr, ndtri, owens_t

from models.pairs import Floats

#: Standard deviations from the middle to the end of an 80 % interval.
Z80 = 1.2815515655446004
#: Probabilities closer to 0 or 1 are told as these.
_CERTAIN = 1e-12


@dataclass(frozen=True)
class Conversions:
    """True conversions: a gamma distribution for each of p cooperations.

    Attributes
    ----------
    mean, shape : float64 arrays of shape (p,)
    more : float64 array of shape (p,)
        What one more session adds to the shape.
    """

    mean: Floats
    shape: Floats
    more: Floats

    def above(self, line: Floats, doubt: Floats) -> Floats:
        """Probability that the conversion is above a yardstick.

        Parameters
        ----------
        line, doubt : float64 arrays of shape (p,)
            The yardstick, and the variance of its log.
        """
        shape = 1.0 / (1.0 / self.shape + doubt)
        return np.asarray(gammaincc(shape, shape * line / self.mean))

    def quantile(self, share: float) -> Floats:
        """Conversion that ``share`` of the probability lies below."""
        return np.asarray(gammaincinv(self.shape, share) * self.mean / self.shape)

    def learnt(self, sessions: Floats, doubt: Floats) -> Floats:
        """Share of the variance, that of the yardstick included, that more sessions would take."""
        before = 1.0 / self.shape
        return (before - 1.0 / (self.shape + sessions * self.more)) / (before + doubt)


@dataclass(frozen=True)
class Displays:
    """Logs of true displays a product: a normal distribution for each of p cooperations.

    Attributes
    ----------
    mean, variance : float64 arrays of shape (p,)
        Of the log of one more than the displays.
    noise : float
        Variance of the log between sessions of one cooperation.
    """

    mean: Floats
    variance: Floats
    noise: float

    def above(self, line: Floats, doubt: Floats) -> Floats:
        """Probability that the displays are above a yardstick; as of :class:`Conversions`."""
        return np.asarray(ndtr((self.mean - np.log1p(line)) / np.sqrt(self.variance + doubt)))

    def quantile(self, share: float) -> Floats:
        """Displays that ``share`` of the probability lies below."""
        found = np.expm1(self.mean + ndtri(share) * np.sqrt(self.variance))
        return np.asarray(np.maximum(found, 0.0))

    def learnt(self, sessions: Floats, doubt: Floats) -> Floats:
        """Share of the variance, that of the yardstick included, that more sessions would take."""
        after = 1.0 / (1.0 / self.variance + sessions / self.noise)
        return (self.variance - after) / (self.variance + doubt)


def right_side(above: Floats, learnt: Floats) -> Floats:
    """Chance to name the right side of a yardstick once more has been learnt.

    Parameters
    ----------
    above : float64 array of shape (n,)
        Probability, today, that the truth lies above.
    learnt : float64 array of shape (n,)
        Share of today's variance that will have gone, in [0, 1].

    Returns
    -------
    float64 array of shape (n,)
        The probability of today's side where nothing is learnt, 1 where all is.

    Notes
    -----
    Truth and later opinion are normal, correlated by the root of what was learnt, and lie as far
    from the yardstick as today's opinion on average; that they lie on one side is a function of
    D. B. Owen (1956).

    Examples
    --------
    >>> right_side(np.array([0.5, 0.7, 0.7]), np.array([0.5, 0.0, 1.0])).round(2).tolist()
    [0.75, 0.7, 1.0]
    """
    apart = ndtri(np.clip(above, _CERTAIN, 1.0 - _CERTAIN))
    share: npt.NDArray[np.float64] = np.clip(learnt, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        ratio = np.sqrt((1.0 - share) / share)
    return np.asarray(1.0 - 2.0 * owens_t(apart, ratio))
