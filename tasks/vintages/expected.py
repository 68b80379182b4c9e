"""What a count that still grows is expected to become: a chain ladder with a prior."""

import numpy as np

from tasks.data import Array

SHAPE = 2.0  # of the gamma prior around the last complete count: a spread of 70 % of it
# Cases of the prior where that count is 0; of weeks chosen on those of Taiwan in 2003-12, where .5 put cases into weeks
# without any (`scripts/bench nowcast`).
LEAST = {"month": 0.5, "week": 0.02, "day": 0.02}


def expected(counts: Array, share: Array, prior: Array) -> Array:
    """E[N | C] of final counts N, of which C are on record; all arrays broadcast.

    Of N, Poisson around a gamma of mean `prior` m (the last complete count) and shape a, a share s is on record:
    C + (1 - s) m (C + a) / (s m + a). Of a share above 1 it is C / s.
    Source: chain ladder with a prior, Bornhuetter and Ferguson (1972); the gamma: England and Verrall (2002),
    https://doi.org/10.1017/S1357321700003809
    """
    coming = np.maximum(1 - share, 0) * prior * (counts + SHAPE) / (share * prior + SHAPE)
    return np.asarray(np.where(share > 1, counts / share, counts + coming))
