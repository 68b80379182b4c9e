"""How many records an update reads out under crafted weights, in each template and against rounds.

One country's synthetic records; the coordinator walks from the first weights straight towards a trap (tests/federation/
vault/trap.py), as far a round as the policy lets it, and reads every update. Takes about a minute.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from federation.policy import templates
from federation.policy.keys import Policy
from federation.settings.plan import Plan
from federation.strategies.testing import vault_of
from federation.vault.requests import fresh
from federation.vault.vault import Vault
from tasks.registry import TASKS
from tests.federation.vault.trap import Trap, ask, read_records, recovered, training_records, trap_plan, walked

HEALTH = TASKS["health"]
ROUNDS = (1, 2, 4, 8, 12, 20, 40, 80)


def vault_under(policy: Policy, plan: Plan) -> Vault:
    """A vault with records of a country of a few hundred windows."""
    folder = Path(tempfile.mkdtemp()) / "KHM"
    folder.mkdir()
    vault = vault_of(HEALTH, plan.task, folder, "KHM")
    vault.policy = replace(policy, path=folder / "policy.toml")
    return vault


def walk(policy: Policy, plan: Plan) -> Iterator[tuple[int, int, int]]:
    """(round, records read out of its update, of how many) until the vault refuses."""
    vault = vault_under(policy, plan)
    records = training_records(vault, plan)
    first = {name: value.numpy() for name, value in fresh(HEALTH, plan).weights.items()}
    model, step = first, policy.largest_step
    for round_ in range(1, plan.rounds + 1):
        if policy.start == "received":
            model = Trap().model(first)
        elif round_ > 1:
            model = walked(first, model, step, step * (round_ - 1))
        update = ask(vault, plan, model, round_)
        if not update:
            return
        yield round_, recovered(read_records(update), records), len(records)


def main() -> None:
    """Print a line a case."""
    home = Path("policy.toml")
    opened, guarded = (templates.policy(name, "KHM", home) for name in ("open", "guarded"))
    descent = trap_plan(rounds=80)
    steps = replace(descent.training, epochs=2, lr=guarded.maximum_learning_rate)
    adam = replace(steps, optimizer="adamw", weight_decay=0.0)
    cases = {
        "open, gradient descent": (opened, descent),
        "open, adamw": (opened, replace(descent, training=adam)),
        "open, adamw, gradients cut to 1e-9": (opened, replace(descent, training=replace(adam, clip_gradient=1e-9))),
        "guarded": (guarded, replace(descent, training=adam)),
        "guarded, sgd allowed": (replace(guarded, optimizers=("adamw", "sgd")), replace(descent, training=steps)),
        "sgd, any learning rate, largest_step 25, no largest_distance": (
            replace(opened, start="seeded", largest_step=25.0),
            descent,
        ),
        "guarded, sgd allowed, no largest_distance": (
            replace(guarded, optimizers=("adamw", "sgd"), largest_distance=0.0),
            replace(descent, training=steps),
        ),
    }
    for name, (policy, plan) in cases.items():
        rounds = []
        for round_ in walk(policy, plan):
            rounds.append(round_)
            if policy.start == "received":  # the trap comes at once
                break
        vectors = ", ".join(f"{number}: {records}" for number, records, _ in rounds if number in ROUNDS)
        print(f"{name}: {vectors} (round: records of {rounds[-1][2]}); served until round {rounds[-1][0]}", flush=True)


if __name__ == "__main__":
    main()
