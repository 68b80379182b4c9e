"""How warnings of the disaster task are judged; the headline comes first."""

from collections.abc import Mapping

from tasks.evaluation.event_scores import brier_skill, itself, warning
from tasks.evaluation.scores import Score

SCORES: Mapping[str, Score] = {
    "brier_skill": brier_skill(itself, "brier", once=False),
    "auc": warning(itself, ""),
}
