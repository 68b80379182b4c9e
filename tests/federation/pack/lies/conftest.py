"""A run's pack that is honest, and that of an earlier run."""

from collections.abc import Iterator

import pytest

from tasks.registry import TASKS
from tests.federation.pack.packs import Packed, packed
from tests.federation.toy import TOY


@pytest.fixture(scope="package")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packed]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, TOY.name, TOY)
        yield packed(tmp_path_factory.mktemp("honest"))


@pytest.fixture(scope="package")
def earlier(tmp_path_factory: pytest.TempPathFactory, honest: Packed) -> Packed:  # noqa: ARG001  after it: the toy
    """Another run of the same countries with the same keys."""
    return packed(tmp_path_factory.mktemp("earlier"), seed=2)
