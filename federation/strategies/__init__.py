"""The registry of strategies: a new one is a file, a line here, and a YAML in configs/strategy."""

from federation.strategies.fedavg import FEDAVG
from federation.strategies.scaffold import SCAFFOLD
from federation.strategies.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {strategy.name: strategy for strategy in (FEDAVG, SCAFFOLD)}
