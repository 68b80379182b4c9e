"""What is left of a gradient that is zero, but for rounding."""

from collections.abc import Sequence

import torch
from torch import Tensor

# 8 units in the last place of float32, relative to a client's largest gradient. Where a true gradient is zero (the bias
# of a key under softmax), sums leave about one unit, and Adam, which divides by the size of what it sees, would make
# whole steps of it: weights would depend on the order in which a machine happens to add.
SHARE = 2.0**-20


def shrink_to_zero(gradients: Sequence[Tensor]) -> None:
    """Move every entry towards zero by SHARE of its client's largest, in place, at most to zero. Shapes: (K, ...).

    Soft, so that an entry near the threshold makes no jump. Source: soft thresholding, Donoho (1995),
    https://doi.org/10.1109/18.382009
    """
    some = [gradient for gradient in gradients if gradient.numel()]
    if not some:
        return
    largest = [torch.linalg.vector_norm(gradient.reshape(len(gradient), -1), torch.inf, dim=1) for gradient in some]
    threshold = torch.stack(largest).amax(0) * SHARE
    for gradient in some:
        own = threshold.reshape(-1, *[1] * (gradient.dim() - 1))
        gradient.sub_(gradient.clamp(-own, own))
