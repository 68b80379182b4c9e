"""Targets from a table in configs, and whether the results reach them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from federation.errors import ConfigError
from federation.reporting.rows import ALL
from federation.reporting.score_table import is_region, number
from federation.settings.checks import one_of
from federation.studies.measures import MEASURES
from federation.studies.seed_groups import Group


@dataclass  # not frozen: Hydra merges it
class Target:
    """One claim about one experiment. of: words of its title. least: place-periods of a country that counts.

    countries: which it is about; empty: all. excluded_period: it is about tests with an excluded period.
    limits: why it is missed, shown where it is.
    """

    claim: str = ""
    of: str = ""
    measure: str = "value"
    arm: str = "adapted"
    against: list[str] = field(default_factory=list)
    score: str = ""  # empty: the headline
    horizon: str = ALL
    least: int = 0
    countries: list[str] = field(default_factory=list)
    excluded_period: bool = False
    limits: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def check(self) -> None:
        """Raise ConfigError for a measure there is not, or a bound that is none."""
        one_of("targets.measure", self.measure, tuple(MEASURES))
        if self.at_least is None and self.at_most is None:
            raise ConfigError(f"target {self.claim!r} has no bound; give at_least or at_most")


@dataclass(frozen=True, kw_only=True)
class TargetResult:
    """value: None where what the target is about was not scored."""

    target: Target
    value: float | None

    @property
    def met(self) -> bool | None:
        """None where it was not scored."""
        if self.value is None:
            return None
        over = self.target.at_least is None or self.value >= self.target.at_least
        return over and (self.target.at_most is None or self.value <= self.target.at_most)

    def text(self) -> str:
        """Such as 'MISSED: 0.771, wanted at most 0.760'."""
        bounds = [("at least", self.target.at_least), ("at most", self.target.at_most)]
        wanted = " and ".join(f"{word} {_exact(bound)}" for word, bound in bounds if bound is not None)
        if self.value is None:
            return f"not scored here; wanted {wanted}"
        if self.met:
            return f"met: {_exact(self.value)}, wanted {wanted}"
        return f"**MISSED**: {_exact(self.value)}, wanted {wanted}. {self.target.limits}".strip()


def evaluated(group: Group, targets: Iterable[Target]) -> Sequence[TargetResult]:
    """Results of the targets that are about this experiment."""
    results = []
    for target in targets:
        if target.of.lower() in group.title.lower() and target.excluded_period == bool(
            group.settings.calendar.excluded_period
        ):
            measure = MEASURES[target.measure]
            try:
                value = measure(
                    _restricted_to(group, target),
                    target.arm,
                    target.against,
                    target.score or group.headline,
                    target.horizon,
                    target.least,
                )
            except (KeyError, ValueError, ZeroDivisionError):  # an arm that did not run, or nobody who was scored
                results.append(TargetResult(target=target, value=None))
            else:
                results.append(TargetResult(target=target, value=value))
    return results


def _restricted_to(group: Group, target: Target) -> Group:
    if not target.countries:
        return group
    return replace(group, rows=[row for row in group.rows if row.country in target.countries or is_region(row.country)])


def _exact(value: float) -> str:
    return f"{value:.4f}" if 0 < abs(value) < 0.1 else number(value)
