"""The system and the log: what is sampled is on the screen, and what is not there is left out."""

import math
import types

import pytest

from rugtui.runtime import machine
from rugtui.runtime.machine import Usage, UsageMeter
from rugtui.storage.run_directory import log
from rugtui.tui.app import RugtuiApp
from rugtui.tui.screens.system import QUANTITIES, RunLog, Sample, System, bars, charts
from tests.tui.fake import FakeSession, give, running, some_frame

CPU = Usage(148.0, 412 << 20)
GPU = Usage(60.0, 9 << 30, 87.0, 30 << 30, 512.0)


def test_a_sample_is_this_process():
    meter = UsageMeter()
    sum(range(3_000_000))
    found = meter.sample()
    assert found.cpu > 0
    assert 20 << 20 < found.memory < 1 << 40
    assert math.isnan(found.gpu)
    assert meter.sample("cuda").memory > 0  # whether or not there is one


def test_a_gpu_is_read_as_far_as_it_answers(monkeypatch):
    class NVMLError(Exception):
        pass

    def refused(handle):
        raise NVMLError

    nvml = types.SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: "handle",
        nvmlDeviceGetHandleByIndex=lambda index: "handle",
        nvmlDeviceGetUtilizationRates=lambda handle: types.SimpleNamespace(gpu=87),
        nvmlDeviceGetMemoryInfo=lambda handle: types.SimpleNamespace(used=30 << 30),
        nvmlDeviceGetPowerUsage=refused,
    )
    monkeypatch.setattr(machine.importlib, "import_module", lambda name: nvml)
    found = UsageMeter().sample("cuda:0")
    assert (found.gpu, found.gpu_memory) == (87.0, 30 << 30)
    assert found.text.endswith("GPU 87 % · 30.0 GiB")
    nvml.nvmlInit = lambda: refused(None)
    assert math.isnan(UsageMeter().sample("cuda:0").gpu)


def test_charts_have_what_is_known_and_bars_end_at_the_largest():
    text = charts([Sample(CPU, 1.5, 9.0)] * 3, 40, ascii_only=False)
    assert "GPU" not in text
    assert all(said in text for said in ("148 %", "412 MiB", "1.5 KiB/s", "9.0 fps"))
    with_gpu = charts([Sample(GPU, 1.5, 9.0)], 40, ascii_only=True)
    assert all(one.name in with_gpu for one in QUANTITIES)
    assert with_gpu.isascii()
    assert bars([1, 2, math.nan, 4], 6, 1, ascii_only=False) == ["  ▂▄ █"]
    assert bars([0, 4], 2, 2, ascii_only=False) == [" █", " █"]


@pytest.mark.parametrize(("size", "said"), [((120, 40), True), ((80, 24), False)])
async def test_the_line_is_where_there_is_room_and_m_shows_charts(size, said):
    app = RugtuiApp(FakeSession())
    async with running(app, size) as pilot:
        await give(pilot, some_frame())
        app.sample_system()
        below = str(app.dashboard.query_one("#symmetry").border_subtitle)
        assert ("CPU" in below) is said
        await pilot.press("m")
        await pilot.pause()
        assert isinstance(app.screen, System)
        assert "memory" in app.screen._text_shown
        await pilot.press("m")
        assert app.screen is app.dashboard


async def test_the_log_is_shown_and_followed(tmp_path):
    for k in range(100):
        log(tmp_path, f"event {k}")
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await pilot.press("L")
        assert isinstance(app.screen, RunLog)
        assert "no log" in app.screen._text_shown
        await pilot.press("escape")
        await give(pilot, some_frame(files=str(tmp_path)))
        await pilot.press("L")
        await pilot.pause()
        scroll = app.screen.query_one("VerticalScroll")
        assert app.screen._text_shown.endswith("event 99")
        assert scroll.scroll_offset.y == scroll.max_scroll_y > 0
        log(tmp_path, "the newest \x1b[2J")
        app.screen.update_text()
        await pilot.pause()
        assert "the newest" in app.screen._text_shown
        assert "\x1b" not in app.screen._text_shown
        assert scroll.scroll_offset.y == scroll.max_scroll_y
        await pilot.press("home")
        log(tmp_path, "later")
        app.screen.update_text()
        await pilot.pause()
        assert scroll.scroll_offset.y == 0  # somebody looks there
