"""Rules that several tables share."""

from collections.abc import Collection

from tasks.files.schema import Rule


def whole_number(column: str, *, what: str = "is no whole number", remedy: str) -> Rule:
    """Values must be whole; missing ones are."""
    return Rule(columns=(column,), broken=lambda rows: rows[column] % 1 > 0, shown=column, what=what, remedy=remedy)


def one_of(column: str, allowed: Collection[str], *, what: str, remedy: str) -> Rule:
    """Values must be among the allowed ones; a missing one is not."""
    return Rule(
        columns=(column,), broken=lambda rows: ~rows[column].isin(allowed), shown=column, what=what, remedy=remedy
    )
