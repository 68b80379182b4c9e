"""A pack as a page for people, made from its JSON alone, which it carries. It loads nothing and runs nothing.

Whoever verifies a page makes it again from the JSON in it: a page of which one letter differs is not the pack's.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from federation.errors import PackError
from federation.pack.canonical import canonical, parse_any, read_bounded
from federation.pack.schema import CoordinatorSection, MemberSection, Pack, Software
from federation.pack.sections import LARGEST_PACK, coordinator_section, digest_of, from_bytes, member_section, to_bytes
from federation.vault.identity import fingerprint
from federation.wire.signature import Head

START, END = b'<script type="application/json" id="pack">', b"</script>"
FIRST = b"<!DOCTYPE html>"  # of a page
LARGEST_PAGE = 4 * LARGEST_PACK  # bytes
HIDDEN = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}  # letters that end a script, as JSON writes them too


def page(pack: Pack) -> bytes:
    """The page of a pack whose sections are all what they must be. Raises PackError for another one."""
    pack = from_bytes(to_bytes(pack))  # in the order of its JSON, whatever order its maker had
    own = coordinator_section(pack.coordinator)
    members = [(signed, member_section(signed)) for signed in pack.members]
    sections = {section.country: section for _, section in members}
    keys = {section.country: _fingerprint(signed.key) for signed, section in members}
    style = (files("federation.pack") / "page.css").read_text(encoding="utf-8")
    template = (files("federation.pack") / "page.html").read_text(encoding="utf-8")
    # Everything is escaped but the style sheet, which is ours, and the JSON, of which `hidden` leaves no tag.
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    text = environment.from_string(template).render(
        own=own,
        sections=sections,
        keys=keys,
        unsigned=[country for country in own.countries if not keys.get(country)],
        protection=_protection(own.plan),
        heads=list(_heads(own, sections)),
        software=list(_software(own, sections)),
        digest=digest_of(pack),
        shown=_shown,
        style=Markup(style),
        style_digest=Markup(base64.b64encode(sha256(style.encode()).digest()).decode()),
        data=Markup(hidden(canonical(asdict(pack)).decode())),
    )
    return text.encode()


def hidden(text: str) -> str:
    """JSON in which no letter can end a script or begin a comment of HTML; it has the same values."""
    return "".join(HIDDEN.get(letter, letter) for letter in text)


def read_pack(path: Path) -> Pack:
    """The pack in a file of JSON, or in a page. Raises PackError."""
    raw = read_bounded(path, LARGEST_PAGE)
    try:
        return pack_in(raw) if raw.startswith(FIRST) else from_bytes(raw)
    except PackError as error:
        raise PackError(f"{path}: {error}") from None


def pack_in(raw: bytes) -> Pack:
    """The pack in a page, which must be the page of it. Raises PackError."""
    start = raw.find(START) + len(START)
    end = raw.find(END, start)
    if start < len(START) or end < 0:
        raise PackError("it is no page that Gotong writes: it carries no JSON")
    pack = from_bytes(canonical(parse_any(raw[start:end])))
    if page(pack) != raw:
        raise PackError(
            "the page does not show what its JSON says: somebody changed the one or the other, or another version of "
            "Gotong wrote it; verify the JSON, and make the page anew"
        )
    return pack


def _fingerprint(key: str) -> str:
    """As people compare it; empty for no key."""
    try:
        return fingerprint(bytes.fromhex(key)) if key else ""
    except ValueError:
        return "what is no key"


def _protection(plan: str) -> str:
    try:
        return str(json.loads(plan)["protection"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "the plan cannot be read"


def _heads(own: CoordinatorSection, sections: dict[str, MemberSection]) -> Iterator[tuple[str, str, Head]]:
    for country, section in sections.items():
        yield country, country, section.head
    for country, head in own.heads.items():
        yield country, "coordinator", head
    if own.head is not None:
        yield "coordinator", "coordinator", own.head


def _software(own: CoordinatorSection, sections: dict[str, MemberSection]) -> Iterator[tuple[str, Software]]:
    yield "coordinator", own.software
    for country, section in sections.items():
        yield country, section.software


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
