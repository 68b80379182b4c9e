"""The meet of policies is a lattice's: the order of countries does not matter, and nobody's bound is passed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from federation.policy.explain import BEARS_ON, corridor, differences
from federation.policy.keys import KEYS, PROTECTIONS, STARTS, SWITCH, Policy
from federation.policy.meet import deciding, meet
from federation.policy.objections import objections
from federation.policy.templates import policy
from federation.settings.parts import TrainingSettings
from federation.settings.plan import PROTECTION
from tasks.health.settings import HealthSettings
from tests.federation.vault.requesting import plan_of

NAMED = {"tasks": ("agriculture", "disaster", "health"), "models": ("attention", "mlp"), "optimizers": ("adamw", "sgd")}
NAMED |= {"packages": ("a", "b"), "required_protection": PROTECTIONS, "required_members": ("LAO", "THA")}


def values(name: str) -> st.SearchStrategy[Any]:
    if name in NAMED:
        return st.sets(st.sampled_from(NAMED[name])).map(lambda chosen: tuple(sorted(chosen)))
    if KEYS[name].metadata["form"] is SWITCH:
        return st.booleans()
    if name == "start":
        return st.sampled_from(STARTS)
    if name in ("largest_term", "threshold_share"):
        return st.sampled_from([0.5, 0.8, 0.9, 1.0])
    return st.integers(1, 30) if name.startswith(("minimum", "maximum")) else st.integers(0, 30)


POLICIES = st.fixed_dictionaries({name: values(name) for name in KEYS}).map(
    lambda drawn: Policy(country="VNM", path=Path("policy.toml"), **drawn)
)
PLANS = st.builds(
    lambda rounds, lr, batch, epochs, model, optimizer: plan_of(
        rounds=rounds,
        task=HealthSettings(model=model),
        training=TrainingSettings(lr=lr / 10, batch_size=batch, epochs=epochs, optimizer=optimizer),
    ),
    *(st.integers(1, 32) for _ in range(4)),
    st.sampled_from(NAMED["models"]),
    st.sampled_from(NAMED["optimizers"]),
)


@given(one=POLICIES, two=POLICIES, three=POLICIES)
def test_order_and_repetition_do_not_matter(one: Policy, two: Policy, three: Policy) -> None:
    assert meet([one, two]) == meet([two, one])
    assert meet([meet([one, two]), three]) == meet([one, meet([two, three])]) == meet([one, two, three])
    assert meet([one, one]) == meet([one])


@given(policies=st.lists(POLICIES, min_size=1, max_size=4), plan=PLANS)
def test_what_the_meet_allows_every_member_allows_and_the_other_way_round(policies: list[Policy], plan: Any) -> None:
    together = not objections(meet(policies), plan)
    assert together == all(not objections(each, plan) for each in policies)


@given(policies=st.lists(POLICIES, min_size=2, max_size=4))
def test_the_meet_says_who_decides(policies: list[Policy]) -> None:
    named = [replace(each, country=code) for each, code in zip(policies, ("KHM", "LAO", "THA", "VNM"), strict=False)]
    for name in KEYS:
        common = getattr(meet(named), name)
        who = deciding(named, name)
        others = [each for each in named if each.country not in who]
        assert bool(who) == any(getattr(each, name) != common for each in named)
        if others and who:  # without those who decide, the meet would be another one
            assert getattr(meet(others), name) != common


def test_a_run_is_told_of_the_differences_that_bear_on_it() -> None:
    policies = [policy("open", "KHM", Path("policy.toml")), policy("guarded", "VNM", Path("policy.toml"))]
    named = {
        protection: {line.split(" = ")[0] for line in differences(policies, offered)}
        for protection, offered in PROTECTION.items()
    }
    assert "explore = false  (VNM)" in corridor(policies)
    assert "largest_step" in named["none"]
    assert "explore" not in named["none"]
    assert named["sealed"] - named["none"] == {"members_change", "repeat_start", "threshold_share", "worse_rounds"}
    assert named["differential_privacy"] - named["none"] == {"epsilon"}
    assert {name for names in BEARS_ON.values() for name in names} <= set(KEYS)
