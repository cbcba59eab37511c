import pytest

from rugtui.errors import WeightsError
from rugtui.models import memory


def test_what_does_not_fit_is_said_with_both_sizes(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    memory.require_memory(2**30, "It")
    with pytest.raises(WeightsError, match=r"It needs 3 GiB of memory, but 1 GiB are available"):
        memory.require_memory(3 * 2**30, "It")


def test_sizes_are_read_at_a_glance():
    assert memory.gib(3 << 29) == "1.5 GiB"
    assert memory.gib(3_030 << 30) == "3,030 GiB"
