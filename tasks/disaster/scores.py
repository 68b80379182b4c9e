"""The scores of the disaster task's warnings; the headline comes first."""

from collections.abc import Mapping

from tasks.evaluation.event_scores import brier_skill, itself, warning
from tasks.evaluation.score import Score

SCORES: Mapping[str, Score] = {
    "brier_skill": brier_skill(itself, "brier", kind=Score),
    "auc": warning(itself, ""),
}
