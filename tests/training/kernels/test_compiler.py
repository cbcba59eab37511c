"""What Numba compiles is kept, and a cache that cannot be used costs time alone."""

import runpy

import numba
import pytest
from numba.core.caching import CacheImpl

from rugtui.training.kernels.compiler import compiled
from tests.storage.places import full_disk


@pytest.fixture
def doubled(tmp_path, monkeypatch):
    """A function of a file, compiled anew each time, as by one process after the other."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    source = tmp_path / "doubled.py"
    source.write_text("def doubled(x):\n    return 2 * x\n")
    return lambda: compiled(runpy.run_path(str(source))["doubled"])


def kept(tmp_path):
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb?")}


def test_the_second_process_compiles_nothing(doubled, tmp_path):
    assert doubled()(2) == 4
    files = kept(tmp_path)
    assert files
    assert doubled()(3) == 6
    assert kept(tmp_path) == files
    assert doubled()(1.5) == 3.0
    assert len(kept(tmp_path)) == len(files) + 1


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("content", [b"", b"torn"])
def test_a_damaged_cache_is_replaced(doubled, tmp_path, pattern, content):
    doubled()(2)
    files = kept(tmp_path)
    for path in (tmp_path / "cache").rglob(pattern):
        path.write_bytes(content)
    assert doubled()(2) == 4
    assert doubled()(2) == 4
    assert kept(tmp_path).keys() == files.keys()


def test_a_full_disk_is_not_an_error(doubled, tmp_path):
    with full_disk("limit", tmp_path / "cache") as disk:
        disk.fill()
        assert doubled()(2) == 4
        disk.free()


def test_without_a_writable_directory_nothing_is_cached(doubled, tmp_path, monkeypatch):
    for locator in CacheImpl._locator_classes:
        monkeypatch.setattr(locator, "from_function", lambda *_: None)
    assert doubled()(2) == 4
    assert not kept(tmp_path)


def test_errors_of_the_function_are_its_own(tmp_path, doubled):
    with pytest.raises(numba.TypingError):
        doubled()(None)
