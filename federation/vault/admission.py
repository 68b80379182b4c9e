"""What a vault makes of a request before anything is trained: jobs, or the reply that was given before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from federation.training.jobs import Job, Result, Tensors
from federation.vault import lineage
from federation.vault.requests import Request


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Jobs to run, or the reply that was given before. came: the models so far, if the policy asks where from.

    finish: of a sealed or a noised run, makes the reply from the results; a sealed one has no request of a plain round.
    """

    request: Request | None = None
    jobs: tuple[Job, ...] = ()
    memory: Tensors = field(default_factory=dict)
    reply: bytes | None = None
    came: lineage.Lineage | None = None
    finish: Callable[[Sequence[Result]], bytes] | None = None
