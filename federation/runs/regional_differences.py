"""Differences of arms in the whole region, from blocks of time that its countries share.

A simulation alone can do that: between countries no vault says what its blocks are.
"""

from collections.abc import Sequence

from federation.coordinator import evaluation
from federation.reporting.rows import Row
from federation.settings.plan import Plan
from federation.vault.vault import Vault
from tasks.evaluation.paired_difference import Blocks, merge_blocks, paired_interval
from tasks.registry import TASKS


def rows(vaults: Sequence[Vault], run: str, plan: Plan, region: str) -> list[Row]:
    """A row a pair and horizon, over the countries that report the same for themselves; none before the test."""
    blocks: dict[str, list[Blocks]] = {}
    for vault in vaults:
        for pair, each in vault.blocks(run, plan).items():
            blocks.setdefault(pair, []).append(each)
    headline = next(iter(TASKS[plan.task.name].scores))
    return [
        row
        for pair, parts in sorted(blocks.items())
        for row in evaluation.difference(plan, region, pair, headline, paired_interval(merge_blocks(parts)))
    ]
