"""Rules of a country on data that leave it, named in its policy. No legal advice; as read in November 2026.

Articles are named where they were seen; a draft is no law. Ministries that stand outside their country's data law
do not read in their template that it is their duty.
"""

from collections.abc import Mapping

NO_ADVICE = "As read in November 2026; no legal advice."
RULES: Mapping[str, str] = {
    "BRN": "Personal Data Protection Order 2025, of the private sector and NGOs; ministries stand outside it.",
    "IDN": "Transfer abroad: UU 27/2022, articles 55-56 (equal level, else binding safeguards, else consent).",
    "KHM": "No data protection law is in force; a draft of July 2025 leaves public authorities out.",
    "LAO": "Law on Electronic Data Protection 25/NA (2017).",
    "MMR": "No data protection law is known.",
    "MYS": "Act 709 (2010), section 129, for those it covers; federal and state governments stand outside it.",
    "PHL": "RA 10173 (2012).",
    "SGP": "PDPA 2012, section 26, and its Regulations 2021, regulation 10; public agencies stand outside it.",
    "THA": "Transfer abroad: PDPA B.E. 2562 (2019), sections 28-29.",
    "TLS": "No general data protection law; Constitution, articles 36 and 38 (by an older source).",
    "VNM": "Personal Data Protection Law 91/2025/QH15; AI law 134/2025/QH15.",
}


def law_of(country: str) -> str:
    """A country's rules, and that they are no advice; empty where none are known here."""
    return f"{RULES[country]} {NO_ADVICE}" if country in RULES else ""
