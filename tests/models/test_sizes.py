import pytest

from rugtui.errors import WeightsError
from rugtui.models import sizes


def test_what_does_not_fit_is_said_with_both_sizes(monkeypatch):
    monkeypatch.setattr(sizes, "available_memory", lambda: 2**30)
    sizes.require_memory(2**30, "It")
    with pytest.raises(WeightsError, match=r"It needs 3 GiB of memory, but 1 GiB are available"):
        sizes.require_memory(3 * 2**30, "It")


def test_sizes_are_read_at_a_glance():
    assert sizes.gib(3 << 29) == "1.5 GiB"
    assert sizes.gib(3_030 << 30) == "3,030 GiB"
