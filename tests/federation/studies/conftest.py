"""The store of experiments that the tests of tracking use."""

from tests.federation.tracking.conftest import empty_store, runs

__all__ = ["empty_store", "runs"]
