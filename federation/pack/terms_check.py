"""Whether what each country says it released, spent and allowed can be true of this plan."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from federation.composition.restore import restore
from federation.errors import ConfigError, one_line
from federation.pack.findings import Finding, holds, missing, wrong
from federation.pack.schema import CoordinatorSection, MemberSection
from federation.policy import templates
from federation.policy.file import FILE
from federation.policy.keys import KEYS, Policy, checked
from federation.policy.law import law_of
from federation.policy.objections import objections
from federation.privacy.accountant import epsilon, total
from federation.privacy.mechanism import charges_from
from federation.settings.plan import PROTECTION, SEALED, Plan, is_noised
from federation.vault.noised.budget import ROUNDING
from federation.vault.sealed.admission import ROUNDS, SETUP
from tasks.errors import SettingError
from tasks.places.countries import problem_with
from tasks.places.facilities import country_of

NOISED = {"update", "scores", "sealed_round"}  # kinds of rows that may have cost a part of a privacy budget
MASKED = {*SETUP, *ROUNDS, "refused"}  # kinds of rows of a sealed run


def findings(own: CoordinatorSection, sections: Mapping[str, MemberSection]) -> Iterator[Finding]:
    """Of every section, by the plan; one finding where the plan cannot be read."""
    for country in own.countries:
        if problem_with(country_of(country)):
            yield wrong(f"{country[:20]} is no country")
    try:
        plan = read_plan(own.plan)
    except (ConfigError, SettingError, ValueError, RecursionError) as error:
        yield wrong(f"the plan cannot be read here: {one_line(error)}")
        return
    for section in sections.values():
        own_findings = [*_law(section), *_releases(plan, section), *_model(plan, own, section)]
        try:
            policy = _policy_of(section)
        except ValueError as error:
            own_findings.append(
                wrong(f"the policy in the section of {section.country} cannot be read: {one_line(error)}")
            )
        else:
            own_findings += [*_unsaid(section), *_budget(plan, section, policy), *_policy(plan, section, policy)]
        yield from own_findings
        if not own_findings:
            what = "what it released and spent is what its policy and this plan allow"
            yield holds(f"{section.country}: {what}", section.country)
        if section.model and section.model == own.model.digest:
            yield holds(f"{section.country} worked out the same model as the coordinator has", section.country)


def read_plan(text: str) -> Plan:
    """The plan of a pack. Raises ConfigError, SettingError or ValueError for what is none."""
    values = json.loads(text)
    if json.dumps(values, sort_keys=True, allow_nan=False) != text or not isinstance(values, dict):
        raise ValueError("its text is not what a plan is written as")
    return restore(Plan, values, "plan", models=False)


def _law(section: MemberSection) -> Iterator[Finding]:
    if section.law != law_of(country_of(section.country)):
        yield missing(f"{section.country} names other rules of law than this version of Gotong knows")


def _releases(plan: Plan, section: MemberSection) -> Iterator[Finding]:
    """Of a sealed run nothing but masked words and posts leaves; rows of a ledger are in their order."""
    country, sealed = section.country, SEALED in PROTECTION[plan.protection]
    if not all(0 <= row.form < len(section.forms) for row in section.released):
        yield wrong(f"{country} lists a release of a form that it does not describe")
        return
    kinds = {section.forms[row.form].kind for row in section.released}
    if sealed and kinds - MASKED:
        yield wrong(f"{country} released {', '.join(sorted(kinds - MASKED))} in a sealed run")
    if not sealed and kinds & (MASKED - {"refused"}):
        yield wrong(f"{country} released {', '.join(sorted(kinds & MASKED))} in a run that is not sealed")
    if sealed and not section.members:
        yield missing(f"{country} no longer knows who the members of the run were")
    places = [row.rows for row in section.released]
    if any(later <= earlier for earlier, later in zip([0, *places], places, strict=False)):
        yield wrong(f"{country} lists rows of its ledger that are not in their order")
    if places and places[-1] > section.head.rows:
        yield wrong(f"{country} lists row {places[-1]:,} of a ledger of {section.head.rows:,} rows")


def _model(plan: Plan, own: CoordinatorSection, section: MemberSection) -> Iterator[Finding]:
    """Every vault of a sealed run works the model out itself."""
    if section.model and section.model != own.model.digest:
        yield wrong(
            f"{section.country} ended run {own.run} with the model {section.model[:12]}, and the coordinator has "
            f"{own.model.digest[:12] or 'none'}"
        )
    elif SEALED in PROTECTION[plan.protection] and own.model.digest and not section.model:
        yield missing(f"{section.country} did not see the end of the run, and vouches for no model")


def _budget(plan: Plan, section: MemberSection, policy: Policy) -> Iterator[Finding]:
    spent, country = section.budget, section.country
    if (spent.delta, spent.limit) != (policy.delta, policy.epsilon):
        yield wrong(f"{country} counts its privacy budget by other limits than its policy has")
    elif not 0 <= spent.run <= spent.lifetime + ROUNDING or not 0 <= spent.left <= spent.limit + ROUNDING:
        yield wrong(f"{country} says that it spent epsilon {spent.run:g} of {spent.lifetime:g}, and has {spent.left:g}")
    elif spent.lifetime > spent.limit + ROUNDING:
        yield wrong(f"{country} spent epsilon {spent.lifetime:.2f}, and its policy allows {spent.limit:g}")
    elif not is_noised(plan):
        if spent.run:
            yield wrong(f"{country} spent epsilon {spent.run:.2f} on a run without differential privacy")
    elif abs(spent.run - (expected := _cost(plan, section, policy))) > ROUNDING:
        yield wrong(f"{country} says that this run cost epsilon {spent.run:.4f}; its releases cost {expected:.4f}")


def _cost(plan: Plan, section: MemberSection, policy: Policy) -> float:
    """The epsilon of the releases that a section lists, by the plan."""
    *rounds, score = charges_from(plan, 1, learns=True)
    released = [row.round for row in section.released if section.forms[row.form].kind in NOISED]
    learns = section.country not in plan.hold_out and policy.train  # as `Vault.learns`
    updates = sum(each <= plan.rounds for each in released) if learns else 0
    tests = released.count(plan.rounds + 2)
    return epsilon(total([*rounds[:updates], *([score] * tests)]), policy.delta)


def _policy(plan: Plan, section: MemberSection, policy: Policy) -> Iterator[Finding]:
    for objection in objections(policy, plan):
        yield missing(
            f"why {section.country} served this plan: by the policy that it signed on {section.at[:10]}, "
            f"{section.country} {objection.reason}"
        )


def _policy_of(section: MemberSection) -> Policy:
    """What it says nothing of bounds nothing. Raises ValueError for a key or a value that no policy has."""
    values = templates.values("open") | checked(_numbers(section.policy))
    return Policy(country=section.country, path=Path(FILE), **values)


def _unsaid(section: MemberSection) -> Iterator[Finding]:
    if unsaid := sorted(set(KEYS) - set(section.policy)):
        yield missing(f"what {section.country} allows by {', '.join(unsaid)}: another version signed, or left it out")


def _numbers(policy: Mapping[str, Any]) -> dict[str, Any]:
    """With the whole numbers that were written as text."""
    return {
        key: int(value) if isinstance(value, str) and value.isdecimal() and value.isascii() else value
        for key, value in policy.items()
    }
