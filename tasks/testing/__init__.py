"""The contract of a task as checks that anybody can run on a task, whether it is registered or not.

    from tasks.testing.run import check_task
    check_task(TASK, folder)                       # raises AssertionError, which says what the task owes

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_task(check, tmp_path):
        check(example_of(TASK, tmp_path))          # one test a check

CHECKS take an `Example`. MODEL_CHECKS train or forecast; `model_examples` gives an example for each model of a task.
"""

from tasks.testing.declaration import DECLARATION_CHECKS
from tasks.testing.example import Example, example_of, model_examples
from tasks.testing.forecasts import FORECAST_CHECKS, FORECAST_MODEL_CHECKS
from tasks.testing.leakage import LEAKAGE_CHECKS
from tasks.testing.learning import LEARNING_CHECKS
from tasks.testing.records import RECORD_CHECKS
from tasks.testing.unit_local import UNIT_CHECKS
from tasks.testing.windows import WINDOW_CHECKS, WINDOW_MODEL_CHECKS

CHECKS = (*DECLARATION_CHECKS, *RECORD_CHECKS, *WINDOW_CHECKS, *LEAKAGE_CHECKS, *FORECAST_CHECKS, *UNIT_CHECKS)
MODEL_CHECKS = (*WINDOW_MODEL_CHECKS, *LEARNING_CHECKS, *FORECAST_MODEL_CHECKS)

__all__ = ["CHECKS", "MODEL_CHECKS", "Example", "example_of", "model_examples"]
