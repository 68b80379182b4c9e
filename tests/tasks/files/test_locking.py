"""A lock on a file: one process holds it, checks do not see each other."""

from pathlib import Path

from tasks.files.locking import lock, try_lock


def test_one_holds_it_until_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a") as first, path.open("a") as second:
        lock(first)
        assert not try_lock(second)
        assert not try_lock(second, shared=True)
        first.close()
        assert try_lock(second)


def test_two_checks_do_not_see_each_other_but_the_holder_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a") as first, path.open("a") as second, path.open("a") as holder:
        assert try_lock(first, shared=True)
        assert try_lock(second, shared=True)
        assert not try_lock(holder)
