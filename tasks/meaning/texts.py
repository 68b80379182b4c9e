"""Text where a number, month or date should stand: what its writer probably meant, and what to write."""

import re
import unicodedata

from tasks.files.reading import Problem

EXPECTED = {
    "number": "is not a number",
    "month": "is not a month of 1900 to 2099",
    "year": "is not a year of 1900 to 2099",
    "date": "is not a date of 1900 to 2099",
}
REMEDY = {
    "number": "Write digits and a decimal point, or leave it empty if it is missing",
    "month": "Write YYYY-MM, for example 2004-12",
    "year": "Write YYYY, for example 2004",
    "date": "Write YYYY-MM-DD, for example 2004-12-31",
}
CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # in a name; a line break or tab shows
GROUPED = r"[+-]?\d{1,3}(?:\.\d{3})+"  # 1.234 is 1234 with a dot between thousands, as in Jakarta, Hanoi and Berlin
SUPPRESSED = r"[<≤]\s*=?\s*\d+"  # a count that an agency hides because it is small
SEPARATORS = " \u00a0\u2007\u2009\u202f'’`,٬"  # between thousands: spaces of all widths, apostrophes, commas
ABSENT = {"-", "--", "–", "—", ".", "..", "...", "…", "?", "*", "x", "n/a", "#n/a", "null", "none", "nil", "nd", "nr"}
BUDDHIST = 543  # years that the Thai, Lao and Khmer era is ahead
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januari janeiro enero มกราคม มค ມັງກອນ មករា ဇန်နဝါရီ",
            "feb february februari pebruari fevereiro pebrero กุมภาพันธ์ กพ ກຸມພາ កុម្ភៈ ဖေဖော်ဝါရီ",
            "mar march maret mac março marso มีนาคม มีค ມີນາ មីនា မတ်",
            "apr april abril abril เมษายน เมย ເມສາ មេសា ဧပြီ",
            "may mei mai maio mayo พฤษภาคม พค ພຶດສະພາ ឧសភា မေ",
            "jun june juni jun junho hunyo มิถุนายน มิย ມິຖຸນາ មិថុនា ဇွန်",
            "jul july juli julai julho hulyo กรกฎาคม กค ກໍລະກົດ កក្កដា ဇူလိုင်",
            "aug august agustus ogos agosto agu สิงหาคม สค ສິງຫາ សីហា ဩဂုတ်",
            "sep sept september setembro setyembre กันยายน กย ກັນຍາ កញ្ញា စက်တင်ဘာ",
            "oct october oktober outubro oktubre okt ตุลาคม ตค ຕຸລາ តុលា အောက်တိုဘာ",
            "nov november novembro nobyembre nop พฤศจิกายน พย ພະຈິກ វិច្ឆិកា နိုဝင်ဘာ",
            "dec december desember disember dezembro disyembre des ธันวาคม ธค ທັນວາ ធ្នូ ဒီဇင်ဘာ",
        ),
        start=1,
    )
    for name in names.split()
}


def unlike(file: str, kind: str, row: int, column: str, value: str) -> Problem:
    """The problem of a value that is no number, month, year or date. value: as it stands in the file."""
    say = _number if kind == "number" else _period
    what, remedy, name = say(kind, value)
    return Problem(file=file, row=row, column=column, value=value, what=what, remedy=remedy, kind=name)


def controlled(file: str, row: int, column: str, value: str) -> Problem:
    """The problem of a name with a character that nobody sees or types, such as a bell."""
    what, remedy = "holds a control character", "Remove it; one place has one name throughout"
    return Problem(file=file, row=row, column=column, value=value, what=what, remedy=remedy)


def suppressed(file: str, row: int, column: str, value: str) -> Problem:
    """The warning of a count that was hidden because it is small."""
    remedy = "Write the count, or leave it empty if the agency does not give it"
    what = "is a suppressed count and taken as missing, not as 0"
    return Problem(
        file=file, row=row, column=column, value=value, what=what, remedy=remedy, kind="suppressed", warning=True
    )


def ascii_digits(text: str) -> str:
    """Thai, Lao, Khmer, Burmese and other decimal digits as 0 to 9; all else stays."""
    return "".join(each if each.isascii() or not each.isdecimal() else str(unicodedata.decimal(each)) for each in text)


def month_of(text: str) -> str | None:
    """YYYY-MM of a text that names one month by digits of any script, a name, or a year of the Buddhist era."""
    words = re.findall(r"[^\W\d_]+[^\s\d\-/.,]*|\d+", re.sub(r"(?<=[^\x00-\x7f])\.", "", ascii_digits(text)).casefold())
    years = [int(word) for word in words if word.isdecimal() and len(word) == 4]
    named = [MONTHS[word] for word in words if word in MONTHS]
    short = [int(word) for word in words if word.isdecimal() and len(word) <= 2]
    months = named or [number for number in short if 1 <= number <= 12 and len(short) == 1]
    if len(years) != 1 or len(months) != 1 or len(words) != 2:
        return None
    year = years[0] - BUDDHIST if years[0] >= 2443 else years[0]
    return f"{year}-{months[0]:02d}" if 1900 <= year <= 2099 else None


def _number(kind: str, value: str) -> tuple[str, str, str]:
    plain = ascii_digits(value)
    compact = plain.translate(dict.fromkeys(map(ord, SEPARATORS)))
    spaceless = plain.translate(dict.fromkeys(map(ord, SEPARATORS.replace(",", ""))))
    if plain != value and re.fullmatch(r"[+-]?[\d.]+", compact):
        return EXPECTED[kind], f"Write {compact} in the digits 0 to 9", "digits"
    if re.fullmatch(GROUPED, value):
        remedy = f"Write {value.replace('.', '')} if the point stands between thousands; a count has no decimals"
        return "has three digits after a point where whole numbers stand", remedy, "thousands"
    if re.fullmatch(SUPPRESSED, value):
        return EXPECTED[kind], "Leave it empty: a suppressed value is missing", "suppressed"
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+", spaceless):
        written = spaceless.replace(".", "").replace(",", ".")
        return EXPECTED[kind], f"Write {written}, without thousands separators and with a decimal point", "thousands"
    if re.fullmatch(r"[+-]?\d+,(\d{1,2}|\d{4,})", spaceless):
        return EXPECTED[kind], f"Write {spaceless.replace(',', '.')} with a decimal point", "decimal-comma"
    if compact.replace(".", "", 1).isdecimal():
        remedy = f"Write {compact} without thousands separators, or a decimal point for a decimal comma"
        return EXPECTED[kind], remedy, "thousands"
    if value.casefold() in ABSENT:
        return EXPECTED[kind], "Leave it empty if it is missing, write 0 if it was counted and is none", "form"
    return EXPECTED[kind], REMEDY[kind], "form"


def _period(kind: str, value: str) -> tuple[str, str, str]:
    plain = ascii_digits(value)
    if (month := month_of(value)) and kind == "month":
        return EXPECTED[kind], f"Write {month}", "period"
    if kind == "year" and re.fullmatch(r"2[45]\d\d", plain):
        return EXPECTED[kind], f"Write {int(plain) - BUDDHIST}: {value} is a year of the Buddhist era", "period"
    if plain != value:
        return EXPECTED[kind], f"{REMEDY[kind]}, in the digits 0 to 9", "period"
    return EXPECTED[kind], REMEDY[kind], "form"
