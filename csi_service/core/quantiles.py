"""Quantiles and tails of the normal, t, beta and gamma distributions, elementwise; the one door to scipy.special.

scipy is loaded when it is first needed: it takes a tenth of the service's start.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from csi_service.core.indicator import Array


def normal_quantile(probability: float) -> float:
    """Return the value that a standard normal variable stays below with a probability.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    from scipy import special

    return float(special.ndtri(probability))


def t_quantile(probability: float, freedom: float) -> float:
    """Return the value that a t variable of some degrees of freedom stays below with a probability.

    >>> round(t_quantile(0.975, 4), 3)
    2.776
    """
    from scipy import special

    return float(special.stdtrit(freedom, probability))


def t_two_sided(t: ArrayLike, freedom: ArrayLike) -> Array:
    """Return the probability that a t variable lies at least as far from 0 as `t`, on either side.

    >>> round(float(t_two_sided(1.0, 1.0)), 12)  # one degree of freedom is Cauchy's: half of it lies within -1..1
    0.5
    """
    from scipy import special

    return cast(Array, 2 * special.stdtr(freedom, -np.abs(t)))


def beta_quantile(probability: float, a: ArrayLike, b: ArrayLike) -> Array:
    """Return the value that a beta(a, b) variable stays below with a probability.

    >>> float(beta_quantile(0.25, 1.0, 1.0))  # beta(1, 1) is uniform
    0.25
    """
    from scipy import special

    return cast(Array, special.betaincinv(a, b, probability))


def gamma_quantile(probability: float, shape: float) -> float:
    """Return the value that a gamma(shape, 1) variable stays below with a probability.

    >>> round(gamma_quantile(0.5, 1.0), 6)  # gamma(1, 1) is exponential: log 2
    0.693147
    """
    from scipy import special

    return float(special.gammaincinv(shape, probability))
