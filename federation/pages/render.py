"""A report as one HTML page that loads nothing, runs nothing, and holds its own style and pictures."""

import base64
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: object) -> str:
    """A page of a template of this package. Everything is escaped but the style sheet and the pictures, ours."""
    style = (files("federation.pages") / "page.css").read_text("utf-8")
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    return _environment().get_template(template).render(style=Markup(style), style_digest=Markup(digest), **values)


@cache
def _environment() -> Environment:
    """Jinja's; made once, for it compiles a template in a tenth of a second and then keeps it."""
    loader = PackageLoader("federation.pages", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
