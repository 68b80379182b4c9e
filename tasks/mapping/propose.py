"""What each column of a table probably is, by its name and its first values; a person corrects it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.mapping import periods
from tasks.mapping.mapping import Mapping
from tasks.meaning.spelling import spelling
from tasks.meaning.texts import ascii_digits
from tasks.registry import TASKS
from tasks.sheets.sheet import Sheet

LOOK = 1000  # rows that are looked at
NAMES = {
    "year": "year|tahun|nam|ano|anio|anno|ปี|ปีพศ|ປີ|ឆ្នាំ|နှစ်|yr",
    "month": "month|bulan|thang|mes|เดือน|ເດືອນ|ខែ|လ|mo",
    "week": "week|epiweek|epi week|epidemiological week|epidemic week|minggu|tuan|semana|se|สัปดาห์|ອາທິດ|សប្តាហ៍|wk|ew",
    "time_period": "time period|period|date|periodname|period name|periodid|time|onset|date of onset|date onset|"
    "tanggal|ngay|fecha|วันที่|วันเริ่มป่วย|report date|notification date|calendar start date|ds",
    "location": "location|province|district|region|state|place|area|department|departamento|provincia|provinsi|"
    "kabupaten|kota|tinh|quan|organisation unit|organisationunitname|orgunit|org unit|ouname|adm1|adm 1 name|adm1 en|"
    "admin1|county|city|จังหวัด|ແຂວງ|ខេត្ត|ပြည်နယ်|loc|changwat|township|adm id",
    "disease_cases": "disease cases|cases|case|count|counts|total cases|dengue|dengue total|dengue cases|kasus|"
    "jumlah kasus|so ca|ca mac|casos|number of cases|ผู้ป่วย|จำนวนผู้ป่วย|value|casos notificados|dengue cases no",
    "population": "population|pop|penduduk|dan so|poblacion|ประชากร",
    "rainfall": "rainfall|rain|precipitation|precip|curah hujan|luong mua|lluvia|ปริมาณฝน",
    "mean_temperature": "mean temperature|temperature|temp|suhu|nhiet do|temperatura|อุณหภูมิ",
}
KNOWN = {spelling(word): name for name, words in NAMES.items() for word in words.split("|")}
PERSONS = (
    "sex|gender|age|name|full name|patient|patient id|case id|id number|nik|nama|umur|usia|jenis kelamin|jantina|"
    "ho ten|ho va ten|gioi tinh|tuoi|edad|sexo|kasarian|ชื่อ|ชื่อสกุล|เพศ|อายุ|ຊື່|ເພດ|ອາຍຸ|ឈ្មោះ|ភេទ|អាយុ|အမည်|ကျား မ|အသက်"
)
KIND = "data element|dataElement|data|indicator|disease|dx|diagnosis|penyakit|benh|โรค"  # of what a row speaks
KINDS = frozenset(spelling(word) for word in KIND.split("|"))
PERSON = frozenset(spelling(word) for word in PERSONS.split("|"))


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """mapping: to be corrected. open: what nobody but the agency knows, a line each."""

    mapping: Mapping
    open: tuple[str, ...]


def header_of(sheet: Sheet) -> int:
    """The row of the column names, from 1: the first as full as most rows are; titles stand above it."""
    filled = [sum(bool(cell) for cell in row) for row in sheet.rows[:LOOK]]
    usual = max(set(filled), key=lambda width: (filled.count(width), width))
    return next((at for at, width in enumerate(filled, start=1) if width >= max(2, 0.8 * usual)), 1)


def proposal(sheet: Sheet, task: str, country: str) -> Proposal:
    """What `sheet` seems to hold for a task of a country."""
    at = header_of(sheet)
    names, rows = sheet.rows[at - 1], sheet.rows[at : at + LOOK]
    wide = [name for name in names if _is_period(name)]
    columns: dict[str, str] = {}
    for name in names:
        meaning = _meaning(name, task)
        if name and meaning and meaning not in columns and name not in wide:
            columns[meaning] = name
    parts = {name: columns.pop(name, "") for name in ("year", "month", "week")}
    by_week = bool(parts["week"])
    if not parts["year"]:  # a column called Month or Week holds the year as well
        whole = next((parts[name] for name in ("week", "month") if parts[name]), "")
        parts = dict.fromkeys(parts, "")
        columns |= {"time_period": whole} if whole and "time_period" not in columns else {}
    persons = any(spelling(name) in PERSON for name in names) and "disease_cases" not in columns
    by_week = by_week or _weekly(wide) or _weekly(_values(names, rows, columns.get("time_period", ""))[:5])
    dates = _values(names, rows, columns.get("time_period", ""))
    mapping = Mapping(
        task=task,
        country=country,
        sheet=sheet.name,
        header=at,
        columns=columns,
        year=parts["year"],
        month=parts["month"],
        week=parts["week"],
        wide="disease_cases" if len(wide) >= 3 and "disease_cases" not in columns else "",
        dates=periods.day_order(dates) or "" if dates else "",
        persons=persons,
    )
    return Proposal(mapping=mapping, open=(*_open(mapping, dates, by_week), *_several(mapping, names, rows)))


def _open(mapping: Mapping, dates: Sequence[str], by_week: bool) -> list[str]:
    asked = []
    if by_week:
        asked.append("weeks: iso or mmwr? The file does not say from which day its weeks run")
    if not mapping.dates and any(periods.DAY.fullmatch(ascii_digits(each)) for each in dates):
        asked.append("dates: dmy or mdy? No day of the column is larger than 12")
    if (
        "location" in TASKS[mapping.task].tables[TASKS[mapping.task].file].schema.columns
        and "location" not in mapping.columns
    ):
        asked.append("columns: location: which column names the place?")
    if mapping.persons:
        asked.append(
            "reported: of which months is the list complete, such as 2004-01/2005-12? Months without a person are 0 in "
            "them; unanswered, a place without a person is 0 only in months in which others have one"
        )
    if not mapping.wide and not mapping.persons and mapping.task == "health" and "disease_cases" not in mapping.columns:
        asked.append("columns: disease_cases: which column holds the counts?")
    return asked


def _several(mapping: Mapping, names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Questions about rows that speak of one place and period: which of them count, and whether they add up."""
    asked = []
    for name in names:
        if spelling(name) in KINDS and len(values := set(_values(names, rows, name))) > 1:
            first, some = min(values), ", ".join(sorted(values)[:5])
            asked.append(f"only: which values of {name!r} count, such as only: {{{name}: [{first}]}}? It has {some}")
    when = [name for name in (mapping.columns.get("time_period"), mapping.year, mapping.month, mapping.week) if name]
    place = mapping.columns.get("location")
    if mapping.persons or mapping.wide or not place or not when:
        return asked
    at = [list(names).index(name) for name in (place, *when)]
    keys = [key for row in rows if all(key := tuple(row[each] for each in at))]
    if len(set(keys)) < len(keys):
        asked.append("sum: true? Several rows have the same place and period; it adds them up, such as ages or sexes")
    return asked


def is_week(name: str) -> bool:
    """Whether a column's name says that it holds weeks."""
    return "week" in (KNOWN.get(spelling(name)), KNOWN.get(spelling(name.replace("_", " "))))


def _meaning(name: str, task: str) -> str:
    schema = TASKS[task].tables[TASKS[task].file].schema
    plain = {spelling(column): column for column in schema.columns}
    meaning = (
        plain.get(spelling(name)) or KNOWN.get(spelling(name.replace("_", " "))) or KNOWN.get(spelling(name)) or ""
    )
    return meaning if meaning in schema.columns or meaning in ("year", "month", "week") else ""


def _values(names: Sequence[str], rows: Sequence[Sequence[str]], column: str) -> list[str]:
    return [row[list(names).index(column)] for row in rows if row[list(names).index(column)]] if column in names else []


def _is_period(text: str) -> bool:
    return bool(text) and (periods.month(text) or periods.week(text)) is not None


def _weekly(texts: Sequence[str]) -> bool:
    return bool(texts) and all(periods.week(text) is not None for text in texts)
