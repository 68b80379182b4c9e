"""The registry of strategies: a new one is a file and its line here."""

from federation.strategies.fedadam import FEDADAM
from federation.strategies.fedavg import FEDAVG
from federation.strategies.fedavgm import FEDAVGM
from federation.strategies.fedbn import FEDBN
from federation.strategies.fedper import FEDPER
from federation.strategies.fedprox import FEDPROX
from federation.strategies.fedyogi import FEDYOGI
from federation.strategies.scaffold import SCAFFOLD
from federation.strategies.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (FEDAVG, FEDPROX, FEDAVGM, FEDADAM, FEDYOGI, SCAFFOLD, FEDPER, FEDBN)
}
