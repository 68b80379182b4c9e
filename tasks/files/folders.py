"""Where a country's national files lie: in its folder among those of other countries, or in the folder that was given.

`data=` means the same in every verb: the folder of countries, one folder a country. A verb of a single country also
takes that country's own folder, where it cannot be anything else.
"""

import os
from pathlib import Path

from tasks.errors import DataError
from tasks.files.reading import SUFFIXES, stem_of
from tasks.places.countries import problem_with
from tasks.registry import TASKS


def country_folder(data: Path, country: str) -> Path:
    """The folder of a country's national files. Raises DataError that says what was given and what is expected."""
    file = next(iter(TASKS.values())).file
    expected = f"expected is the folder that holds {country}/{file} or the like, or {country}'s own folder"
    if not data.is_dir():
        raise DataError(f"data={data} is {'no folder' if data.exists() else 'not there'}; {expected}")
    inner, own = (data / country).is_dir(), _holds(data)
    if inner and own:
        raise DataError(
            f"data={data} holds both {country}/ and {', '.join(own)}, so it could be either; {expected}. Move one away"
        )
    if inner:
        return data / country
    name = data.resolve().name
    if own and name != country and problem_with(name) is None:
        raise DataError(f"data={data} holds the national files of {name}, not of {country}; {expected}")
    if own:
        return data
    countries = sorted(each.name for each in data.glob("[A-Z][A-Z][A-Z]") if each.is_dir())
    there = f"there are {', '.join(countries)}" if countries else "it holds no national file and no country's folder"
    raise DataError(f"no records of country={country} in data={data}; {there}; {expected}")


def folder_of_countries(data: Path) -> Path:
    """`data` itself, for a verb of several countries. Raises DataError for another folder."""
    if not data.is_dir():
        raise DataError(f"data={data} is no folder; give the folder that holds one folder a country")
    if own := _holds(data):
        raise DataError(
            f"data={data} holds {', '.join(own)}, so it is one country's own folder; give the folder above it, which "
            f"holds one folder a country"
        )
    return data


def _holds(data: Path) -> list[str]:
    """National files that lie in a folder itself."""
    stems = {stem_of(Path(name)) for task in TASKS.values() for name in (task.file, *task.tables)}
    return sorted(
        path.name
        for path in data.iterdir()
        if path.is_file() and path.name.endswith(SUFFIXES) and stem_of(path) in stems
    )


def files_below(folder: Path) -> list[Path]:
    """Files and folders at any depth that are not hidden, in order.

    Raises OSError for a folder that one may not look into, which `Path.rglob` passes over in silence.
    """

    def refused(error: OSError) -> None:
        raise error

    entries: list[Path] = []
    for where, folders, files in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if not name.startswith(".")]
        entries += [Path(where, name) for name in (*folders, *files) if not name.startswith(".")]
    return sorted(entries)


def has_table(folder: Path, stem: str) -> bool:
    """Whether a folder holds a table of this name in any format. Raises OSError for one that one may not look into."""
    return folder.is_dir() and any(each.name.startswith(f"{stem}.") for each in folder.iterdir())
