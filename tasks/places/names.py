"""The names under which public files speak of member states and of their provinces."""

from difflib import get_close_matches

from tasks.errors import DataError
from tasks.files.grid import fold

# ISO 3166-1 alpha-2, which ISO 3166-2 ids begin with, -> alpha-3: the eleven member states of ASEAN
MEMBERS = {
    "BN": "BRN",
    "ID": "IDN",
    "KH": "KHM",
    "LA": "LAO",
    "MM": "MMR",
    "MY": "MYS",
    "PH": "PHL",
    "SG": "SGP",
    "TH": "THA",
    "TL": "TLS",
    "VN": "VNM",
}
# folded English names, with the misspellings of the Dartmouth Flood Observatory
COUNTRIES = {
    "brunei": "BRN",
    "brunei darussalam": "BRN",
    "indonesia": "IDN",
    "cambodia": "KHM",
    "laos": "LAO",
    "lao people's democratic republic": "LAO",
    "myanmar": "MMR",
    "burma": "MMR",
    "burma/myanmar": "MMR",
    "malaysia": "MYS",
    "philippines": "PHL",
    "phillipines": "PHL",
    "philipines": "PHL",
    "phillippines": "PHL",
    "singapore": "SGP",
    "thailand": "THA",
    "timor-leste": "TLS",
    "east timor": "TLS",
    "timor": "TLS",
    "vietnam": "VNM",
    "viet nam": "VNM",
}
# OpenDengue's folded spellings -> the folded name used here; folding alone takes care of case and accents
PROVINCES = {
    "IDN": {
        "babel": "kepulauan bangka belitung",
        "bangka belitung": "kepulauan bangka belitung",
        "d.i yogya": "daerah istimewa yogyakarta",
        "di yogyakarta": "daerah istimewa yogyakarta",
        "kalimantan selata": "kalimantan selatan",
        "kepulauan-riau": "kepulauan riau",
        "nanggroe aceh darussalam": "aceh",
        "nangroe aceh darussalam": "aceh",
        "nusatenggara barat": "nusa tenggara barat",
        "nusatenggara timur": "nusa tenggara timur",
        "sulawesi selata": "sulawesi selatan",
        "sumatera selata": "sumatera selatan",
    },
}


def country_of(name: str, where: str) -> str | None:
    """ISO 3166-1 alpha-3 of a member state's English name, None for any other country.

    Raises DataError for a name that looks like a member's but is not: `where` says in which file, row and column.
    """
    folded = fold(name)
    code = COUNTRIES.get(folded)
    if code is None and (near := get_close_matches(folded, COUNTRIES, n=1, cutoff=0.8)):
        raise DataError(f"{where}: {name!r} is no country; write {near[0].title()!r} if that is meant")
    return code


def province(country: str, name: str) -> str:
    """One spelling for every province, in capitals without accents: 'D.I Yogya' -> 'DAERAH ISTIMEWA YOGYAKARTA'."""
    folded = fold(name).removeprefix("province of ")
    return PROVINCES.get(country, {}).get(folded, folded).upper()
