"""Adam without what rounding makes of it: gradients that are zero but for the last digits must not become steps."""

from collections.abc import Sequence

import torch
from torch import Tensor

# 8 units in the last place of float32, relative to a client's largest gradient. Where a true gradient is zero (the bias
# of a key under softmax), sums leave about one unit, and Adam, which divides by the size of what it sees, would make
# whole steps of it: weights would depend on the order in which a machine happens to add. Only a loss over records is
# such a sum; what a strategy adds to its gradient (penalty, correction) is exact and stays as it is.
SHARE = 2.0**-20

# Adam's epsilon, against gradients of norm 1 (`clip_gradient`). In the first step of a round Adam moves every weight by
# lr g / (|g| + epsilon), so that rounding in a small g moves it by lr / epsilon as much. Ten rounds of 150 random
# federations with rates up to .005, two ways to add: up to 7e-5 apart with the usual 1e-8, 6e-5 with 1e-5, 5e-6 with
# this. What is left is what float64 leaves too, only 2^29 times as large: training itself spreads what starts close.
EPSILON = 1e-4


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
