"""Which columns of a table of features belong together."""

from collections.abc import Iterable


def consecutive(sizes: Iterable[int]) -> tuple[tuple[int, ...], ...]:
    """Groups of so many columns, one after another from column 0."""
    groups: list[tuple[int, ...]] = []
    first = 0
    for size in sizes:
        groups.append(tuple(range(first, first + size)))
        first += size
    return tuple(groups)
