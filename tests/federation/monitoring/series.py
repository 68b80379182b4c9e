"""Monthly series of known kind."""

import numpy as np
from scipy.signal import lfilter

from tasks.data import Array

BEGIN = 60  # months that a series runs before its first


def autoregressive(number: int, months: int, share: float, seed: int) -> Array:
    """(number, months) stationary series of variance 1 whose neighbours correlate by `share`."""
    surprises = np.random.default_rng(seed).standard_normal((number, BEGIN + months))
    return np.asarray(lfilter([np.sqrt(1 - share**2)], [1, -share], surprises, axis=1)[:, BEGIN:])
