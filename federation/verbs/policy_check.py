"""`gotong policy check policy=FILE task=health ...`: what a country's policy says to a run of these settings."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from federation.composition.compose import compose
from federation.composition.restore import check, own_model_plan, parameter_count
from federation.errors import PolicyRefusal
from federation.policy.file import policy_at
from federation.policy.objections import objections, of_size
from federation.runs.initial import with_initial
from federation.settings.schema import Settings
from federation.verbs.word_checks import required


@dataclass
class PolicyCheckSettings(Settings):
    """A run, and the policy that is asked about it.

    policy: its file, or folder. country: whose; none: the name of the policy's folder.
    """

    policy: str | None = None
    country: str | None = None


def run(words: Sequence[str]) -> None:
    """Print that it is served; exit code 0 only then."""
    compose("policy check", words, PolicyCheckSettings, _check)


def _check(settings: PolicyCheckSettings) -> None:
    """Raises PolicyRefusal with every reason and what would be accepted."""
    policy = policy_at(required(settings.policy, "say which: gotong policy check policy=FILE"), settings.country)
    run = with_initial(Settings(**{each.name: getattr(settings, each.name) for each in fields(Settings)}))
    check(run)
    plan = run.plan()
    own_plan = own_model_plan(plan, policy.country)
    plans = [plan] if own_plan is plan else [plan, own_plan]
    reasons = [
        reason for each in plans for reason in (*objections(policy, each), *of_size(policy, parameter_count(each)))
    ]
    if run.start_from is not None and policy.start == "seeded":
        print(f"start_from={run.start_from} needs its model accepted at that node: gotong node accept")
    if reasons:
        said = [f"{each.reason}{f'; {each.remedy} would be accepted' if each.remedy else ''}" for each in reasons]
        raise PolicyRefusal(f"{policy.path} {', and '.join(said)}")
    print(f"{policy.path} serves this run, if the country's records allow its steps and cohorts")
