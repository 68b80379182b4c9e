"""scripts/bench privacy [attacks=A,B] [seeds=1,2,3] [data=FOLDER] [out=FILE]: attacks on records, by protection.

Each attack is tried where nothing stops it, under the templates `open`, `guarded` and `sealed`, and on sealed runs
under differential privacy (`sealed + dp`); what succeeds nowhere proves nothing. data: national dengue files, of which
the lengths of honest updates are measured too. A row an attack, measure and protection: the mean of the seeds, the
lowest and the highest. Takes fourteen minutes of one core, of which four are of the lengths.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from time import process_time

import torch

from tests.federation.attacks.canary_frames import canaries
from tests.federation.attacks.differencing import lists, restored, runs
from tests.federation.attacks.figures import Figure, table
from tests.federation.attacks.gradient_canary import gradient_canary
from tests.federation.attacks.honest_lengths import honest_lengths
from tests.federation.attacks.imprint import from_coordinator, from_country
from tests.federation.attacks.inversion import inversion
from tests.federation.attacks.membership import membership
from tests.federation.attacks.noised import noised
from tests.federation.attacks.sealed_poison import poison

Attack = Callable[[int], Iterator[Figure]]


def attacks(data: str | None) -> Mapping[str, Attack]:
    """Every attack by its word."""
    return {
        "trap": from_coordinator,
        "country": from_country,
        "membership": membership,
        "inversion": inversion,
        "lists": lists,
        "runs": runs,
        "restored": restored,
        "canaries": canaries,
        "poison": poison,
        "noised": noised,
        "gradient": gradient_canary,
        "lengths": partial(honest_lengths, data=data),
    }


def main(words: list[str]) -> None:
    """Measure and print."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    chosen = dict(word.split("=", 1) for word in words)
    known = attacks(chosen.get("data"))
    named = chosen["attacks"].split(",") if "attacks" in chosen else list(known)
    if unknown := sorted(set(named) - set(known)):
        sys.exit(f"attacks={','.join(unknown)} is none of {', '.join(known)}")
    figures: list[Figure] = []
    for name in named:
        for seed in map(int, chosen.get("seeds", "1,2,3").split(",")):
            began = process_time()
            figures += known[name](seed)
            print(f"{name}, seed {seed}: {process_time() - began:.0f} s of CPU", flush=True)
    rows = list(table(figures))
    for row in rows:
        print(f"{row['attack']}: {row['measure']}: {row['under']}: {row['mean']:.4g} [{row['lowest']:.4g} to "
              f"{row['highest']:.4g}]", *row["notes"], sep="\n    ")  # fmt: skip
    if "out" in chosen:
        Path(chosen["out"]).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
