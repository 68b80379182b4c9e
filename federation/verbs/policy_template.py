"""`gotong policy template name=guarded country=VNM to=FILE`: a policy to start from."""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.composition.compose import compose
from federation.errors import ConfigError
from federation.policy import templates
from federation.settings.checks import one_of
from federation.verbs.word_checks import file_to_write
from tasks.files.atomic import write_atomically


@dataclass  # not frozen: Hydra merges it
class TemplateSettings:
    """name: of the template. country: whose rules are named in it. to: a file; none: it is printed."""

    name: str = templates.DEFAULT
    country: str | None = None
    to: str | None = None


def run(words: Sequence[str]) -> None:
    """Print or write it."""
    compose("policy template", words, TemplateSettings, write)


def write(settings: TemplateSettings) -> None:
    """Raises ConfigError for a name that is none, or a file that is there."""
    one_of("name", settings.name, tuple(templates.TEMPLATES))
    text = templates.text(settings.name, settings.country)
    if settings.to is None:
        print(text, end="")
        return
    path = file_to_write("to", settings.to)
    if path.exists():
        raise ConfigError(f"to={path} exists; a policy is not replaced, choose another file or move it away")
    write_atomically(path, text.encode())
    print(path)
