"""A country's terms: its policy, what it says to a plan, and the largest counts that its replies will claim.

They are public to the coordinator and signed on their way. They leave without the gate and the ledger: of the records
they hold an order of magnitude, the next power of two, where the replies of a run have the number itself.
The last period of the records is in them too, unless the policy has `records_end = false`.
"""

import logging
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, get_args

import numpy as np
import torch

from federation.composition.restore import restore
from federation.errors import GotongError
from federation.policy.keys import values_of
from federation.settings.plan import PROTECTION, SEALED, Plan, is_noised
from federation.vault.records import power_of_two
from federation.vault.refusals import without_paths
from federation.vault.vault import Vault
from federation.wire.frame import ACCEPTED, VERSION
from tasks.data import Part
from tasks.errors import SettingError, TaskError

log = logging.getLogger(__name__)


def terms(vault: Vault, plan_values: object) -> dict[str, Any]:
    """The header of a country's terms. plan_values: of the run that is asked for; none: no claim, no objection.

    An error about records is named without what it quotes from them.
    """
    header: dict[str, Any] = {
        "country": vault.country,
        "policy": values_of(vault.policy),
        "objections": [],
        "claim": None,
        "wire": VERSION,
        "accepted": list(ACCEPTED),
        "gotong": version("gotong"),
        "torch": torch.__version__.split("+")[0],
    }
    if isinstance(plan_values, Mapping):
        try:
            plan = restore(Plan, plan_values, "plan", models=False)
            header["objections"] = [[each.reason, each.remedy] for each in vault.objections(plan)]
            if not header["objections"] and SEALED not in PROTECTION[plan.protection]:  # no reply of it holds counts
                header["claim"] = claim(vault, plan)
        except (GotongError, SettingError) as error:
            header["objections"] = [[without_paths(str(error), [vault.folder]), ""]]
        except TaskError as error:
            log.warning("%s: %s", vault.country, error)
            header["objections"] = [["its records cannot be used; see the log of its node", ""]]
    return header


def claim(vault: Vault, plan: Plan) -> dict[str, Any]:
    """The most training examples, and place-periods of one part at one horizon, that replies of a run claim; and the
    last period of the records, empty where the policy keeps it at home, and of protected runs, which do not use it.
    """
    records = vault.records(plan)
    if is_noised(plan):  # the number of places is public, how much each reports is not
        places = len(records.windows["train"].places)
        return {"examples": places, "scored": places, "end": ""}
    counts = [np.isfinite(records.windows[part].target).sum(axis=0).max(initial=0) for part in get_args(Part)]
    scored = int(max(counts))
    end = records.end if vault.policy.records_end and not PROTECTION[plan.protection] else ""
    return {"examples": power_of_two(records.cohort()), "scored": power_of_two(scored), "end": end}
