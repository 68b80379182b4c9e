"""Public formats -> national files. A new format is one file beside this one and one line here."""

from tasks.importers import chap
from tasks.importers.report import Importer

IMPORTERS: dict[str, Importer] = {
    "chap": chap,
}
