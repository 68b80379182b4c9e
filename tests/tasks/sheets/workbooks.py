"""Minimal workbooks of text and numbers, written without a library: .xlsx (ECMA-376), .ods (OpenDocument), .xls."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZipFile

Rows = Sequence[Sequence[str | int | float]]
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_ODS = "urn:oasis:names:tc:opendocument:xmlns"


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """A workbook with these sheets."""
    with ZipFile(path, "w") as book:
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" '
            f'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        )
        book.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        names = "".join(
            f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1)
        )
        book.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{names}</sheets></workbook>'
        )
        targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
        book.writestr("xl/_rels/workbook.xml.rels", _relations(targets))
        for number, rows in enumerate(sheets.values(), 1):
            body = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
            sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
            book.writestr(f"xl/worksheets/sheet{number}.xml", sheet)
    return path


def _cell(value: str | int | float) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    each = "".join(
        f'<Relationship Id="rId{n}" Type="{_DOCUMENT}/{kind}" Target="{to}"/>'
        for n, (kind, to) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{each}</Relationships>'


def write_ods(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """The same as an OpenDocument spreadsheet."""
    tables = ""
    for name, rows in sheets.items():
        body = "".join(f"<table:table-row>{''.join(map(_field, row))}</table:table-row>" for row in rows)
        tables += f'<table:table table:name="{escape(name)}">{body}</table:table>'
    spaces = " ".join(f'xmlns:{name}="{_ODS}:{name}:1.0"' for name in ("office", "table", "text"))
    with ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{_ODS}:manifest:1.0"/>')
        content = f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        book.writestr("content.xml", f"<office:document-content {spaces}>{content}</office:document-content>")
    return path


def _field(value: str | int | float) -> str:
    kind = (
        f'office:value-type="float" office:value="{value}"'
        if not isinstance(value, str)
        else 'office:value-type="string"'
    )
    return f"<table:table-cell {kind}><text:p>{escape(str(value))}</text:p></table:table-cell>"


def write_xls(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """The format of Excel 97 to 2003: records of [MS-XLS] as one stream of a compound file, [MS-CFB]."""
    parts = [_xls_sheet(rows) for rows in sheets.values()]
    start = _xls_record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0x07CC, 0, 0))
    names = [struct.pack("<IBBBB", 0, 0, 0, len(name), 1) + name.encode("utf-16-le") for name in sheets]
    at = len(start) + sum(4 + len(name) for name in names) + 4
    for place, (name, part) in enumerate(zip(names, parts, strict=True)):
        names[place], at = struct.pack("<I", at) + name[4:], at + len(part)
    whole = b"".join([start, *(_xls_record(0x0085, name) for name in names), _xls_record(0x000A, b""), *parts])
    path.write_bytes(_compound(whole))
    return path


def _xls_sheet(rows: Rows) -> bytes:
    """A worksheet of labels and numbers."""
    records = [_xls_record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0x07CC, 0, 0))]
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            where = struct.pack("<HHH", r, c, 0)
            if isinstance(value, str):
                text = struct.pack("<HB", len(value), 1) + value.encode("utf-16-le")
                records.append(_xls_record(0x0204, where + text))
            else:
                records.append(_xls_record(0x0203, where + struct.pack("<d", value)))
    return b"".join([*records, _xls_record(0x000A, b"")])


def _xls_record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _compound(stream: bytes) -> bytes:
    """A compound file of one stream, `Workbook`, in sectors of 512 bytes: table of sectors, folder, stream."""
    stream = stream.ljust(4096, b"\0")
    stream += bytes(-len(stream) % 512)
    free, end, table, many = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, len(stream) // 512
    chain = [table, end, *range(3, 2 + many), end]
    head = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0) + struct.pack("<109I", 0, *[free] * 108)
    entries = (
        ("Root Entry", 5, 1, end, 0),
        ("Workbook", 2, free, 2, len(stream)),
        ("", 0, free, 0, 0),
        ("", 0, free, 0, 0),
    )
    folder = b"".join(
        (name + "\0" if name else "").encode("utf-16-le").ljust(64, b"\0")
        + struct.pack("<HBBIII", 2 * len(name) + 2 if name else 0, kind, 1, free, free, child)
        + bytes(36)
        + struct.pack("<IQ", first, size)
        for name, kind, child, first, size in entries
    )
    return head + struct.pack("<128I", *chain, *[free] * (128 - len(chain))) + folder + stream
