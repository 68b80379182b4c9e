"""Packages of other people in verbs of a node: those that its policy names, loaded before the verb's words are read."""

from collections.abc import Sequence
from pathlib import Path

from federation.policy.file import FILE, read_policy


def load_own_packages(words: Sequence[str]) -> None:
    """Load them where the words lead to a policy: policy=FILE, or the one in the country's folder of `data`.

    Raises PolicyRefusal for a policy that cannot be understood; the verb itself says so of one that is missing.
    """
    values = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("-"))
    data, country = Path(values.get("data", ".")), values.get("country", "")
    places = [Path(values["policy"])] if "policy" in values else [data / country / FILE, data / FILE]
    file = next((each for each in places if each.is_file() and each.name == FILE), None)
    if file is not None:
        read_policy(file.parent, country or file.parent.name)
