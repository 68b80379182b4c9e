"""Losses in which a missing target does not count; no branch depends on the data, so that they work under vmap."""

from collections.abc import Sequence

import torch
from torch import Tensor


def pinball(output: Tensor, target: Tensor, levels: Sequence[float]) -> Tensor:
    """Mean pinball loss of quantile forecasts; smaller is better.

    Args:
        output: (N, H, K) quantiles at the K levels.
        target: (N, H) same unit; NaN marks a period not yet reported and does not count. Zero if none is reported.
    Source: Koenker and Bassett (1978), https://doi.org/10.2307/1913643
    """
    reported = torch.isfinite(target)
    known = torch.where(reported, target, torch.zeros_like(target))
    at = torch.tensor(levels, dtype=output.dtype, device=output.device)
    error = known[..., None] - output
    points = torch.maximum(at * error, (at - 1) * error).mean(dim=-1)
    counted = torch.where(reported, points, torch.zeros_like(points))
    return counted.sum() / reported.sum().clamp(min=1)
