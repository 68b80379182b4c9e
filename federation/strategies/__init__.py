"""The registry of strategies: a new one is a file and its line here, or a package of its own with an entry point."""

from federation.strategies.centred_clipping import CENTRED_CLIPPING
from federation.strategies.fedadam import FEDADAM
from federation.strategies.fedavg import FEDAVG
from federation.strategies.fedavgm import FEDAVGM
from federation.strategies.fednova import FEDNOVA
from federation.strategies.fedper import FEDPER
from federation.strategies.fedprox import FEDPROX
from federation.strategies.fedyogi import FEDYOGI
from federation.strategies.geometric_median import GEOMETRIC_MEDIAN
from federation.strategies.krum import KRUM
from federation.strategies.median import MEDIAN
from federation.strategies.neighbour_mixing import NEIGHBOUR_MIXING
from federation.strategies.qfedavg import QFEDAVG
from federation.strategies.robust_direction import ROBUST_DIRECTION
from federation.strategies.scaffold import SCAFFOLD
from federation.strategies.strategy import Strategy
from federation.strategies.trimmed_mean import TRIMMED_MEAN

AVERAGING = (FEDAVG, FEDPROX, FEDAVGM, FEDADAM, FEDYOGI, SCAFFOLD, FEDPER, FEDNOVA, QFEDAVG)
WITHSTANDING = (  # a few hostile countries
    ROBUST_DIRECTION,
    MEDIAN,
    TRIMMED_MEAN,
    KRUM,
    GEOMETRIC_MEDIAN,
    CENTRED_CLIPPING,
    NEIGHBOUR_MIXING,
)
STRATEGIES: dict[str, Strategy] = {strategy.name: strategy for strategy in (*AVERAGING, *WITHSTANDING)}
# Name of a strategy that is gone -> what to use instead.
REMOVED = {"fedbn": "use strategy=fedper strategy.private=['*.bias'], which does the same"}
