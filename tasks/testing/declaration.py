"""What a task says of itself."""

import pickle

import numpy as np

from tasks.evaluation.score import FinalScore
from tasks.testing.example import Check, Example


def check_score_names_are_unique(example: Example) -> None:
    scores = example.task.scores
    names = [*scores, *(name for score in scores.values() for name in score.derived)]
    assert len(set(names)) == len(names), f"two numbers of a task have one name: {sorted(names)}"


def check_headline_is_scored_every_round(example: Example) -> None:
    assert example.task.scores, "a task needs a score"
    headline, score = next(iter(example.task.scores.items()))
    assert not isinstance(score, FinalScore), (
        f"the first score, {headline}, is the headline: it must be cheap enough for every round"
    )


def check_names_fit_together(example: Example) -> None:
    task, settings = example.task, example.settings
    assert settings.name == task.name, f"the settings' name is {settings.name!r}, the task's {task.name!r}"
    settings.check()
    assert task.reference in task.baselines, f"the reference {task.reference!r} is no baseline"
    horizons = task.horizons(settings)
    assert len(set(horizons)) == len(horizons), f"two horizons have one name: {horizons}"


def check_levels_rise_around_a_median(example: Example) -> None:
    levels = example.task.levels
    assert list(levels) == sorted(set(levels)), "levels must rise"
    if levels:
        assert 0.5 in levels, "levels must hold the median, 0.5"
        assert 0 < levels[0] <= levels[-1] < 1, "levels must lie between 0 and 1"
        np.testing.assert_allclose(np.array(levels) + levels[::-1], 1, err_msg="every interval must be central")


def check_settings_can_be_composed(example: Example) -> None:
    from omegaconf import OmegaConf  # only where runs are composed; a vault has none

    merged = OmegaConf.to_object(OmegaConf.structured(example.task.settings))
    assert merged == example.settings, "settings must be a dataclass of defaults that OmegaConf merges unchanged"


def check_the_loss_can_be_sent_to_other_processes(example: Example) -> None:
    try:
        pickle.dumps(example.task.loss)
    except Exception as error:  # pickle has errors of many kinds
        raise AssertionError(
            f"the loss must be a function of a module, or a functools.partial of one, not a lambda: {error}"
        ) from None


DECLARATION_CHECKS: tuple[Check, ...] = (
    check_score_names_are_unique,
    check_headline_is_scored_every_round,
    check_names_fit_together,
    check_levels_rise_around_a_median,
    check_settings_can_be_composed,
    check_the_loss_can_be_sent_to_other_processes,
)
