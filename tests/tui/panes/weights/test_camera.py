"""The camera: whatever it is told, its window lies in W and its cursor in the window."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from rugtui.models.base import Window
from rugtui.tui.panes.weights.camera import Camera, pixel_of

MOVES = st.one_of(
    st.tuples(st.just("zoomed"), st.integers(-3, 3)),
    st.tuples(st.just("moved"), st.integers(-2, 2), st.integers(-2, 2)),
    st.tuples(st.just("panned"), st.integers(-2, 2), st.integers(-2, 2)),
    st.tuples(st.just("pointed"), st.integers(-3, 80), st.integers(-3, 80)),
    st.tuples(st.just("whole")),
    st.tuples(st.just("one_to_one")),
    st.tuples(st.just("without_cursor")),
)
SIZES = st.sampled_from([1, 2, 5, 37, 64, 500, 512, 5000, 2**20])


def obey(camera, moves):
    for name, *arguments in moves:
        camera = getattr(camera, name)(*arguments)
    return camera


@given(
    n=SIZES,
    height=st.integers(1, 90),
    width=st.integers(1, 120),
    tall=st.sampled_from([1, 2]),
    moves=st.lists(MOVES, max_size=12),
)
def test_the_window_is_in_w_and_the_cursor_in_the_window(n, height, width, tall, moves):
    camera = obey(Camera(n, height, width, tall), moves)
    view = camera.view()
    window = view.window
    assert 0 <= window.top < window.bottom <= n
    assert 0 <= window.left < window.right <= n
    assert 1 <= view.height <= window.bottom - window.top
    assert 1 <= view.width <= window.right - window.left
    assert view.height <= view.tall <= max(height, 1)
    assert view.wide <= max(width, 1)
    if camera.cursor is not None:
        assert pixel_of(view, *camera.cursor) is not None


@given(
    n=SIZES,
    moves=st.lists(MOVES, max_size=8),
    height=st.integers(1, 90),
    width=st.integers(1, 120),
)
def test_the_camera_stays_valid_when_the_pane_is_resized(n, moves, height, width):
    camera = obey(Camera(n, 40, 60), moves).fitted(n, height, width, 1)
    view = camera.view()
    assert view.window.bottom <= n
    assert view.tall <= height
    assert camera.cursor is None or camera.power is None or pixel_of(view, *camera.cursor)


@given(
    row=st.integers(0, 4095),
    column=st.integers(0, 4095),
    steps=st.integers(1, 9),
)
def test_a_zoom_is_anchored_at_the_cursor(row, column, steps):
    """Where the edge of W allows it, the cell stays within a pixel of where it was seen."""
    before = Camera(4096, 64, 64, cursor=(row, column))
    after = before.zoomed(steps)
    view = after.view()
    seen = pixel_of(view, row, column)
    assert seen is not None
    was = pixel_of(before.view(), row, column)
    assert was is not None
    for axis, first in ((0, view.window.top), (1, view.window.left)):
        assert first >= 0
        drawn = (view.tall // view.height, view.wide // view.width)[axis]
        assert abs(seen[axis] * drawn - was[axis]) <= drawn


def test_zooming_in_doubles_down_to_cells_and_beyond():
    camera = Camera(512, 40, 60)
    sizes = [camera.cells_per_pixel]
    for _ in range(9):
        camera = camera.zoomed(1)
        sizes.append(camera.cells_per_pixel)
    assert sizes == [12.8, 8, 4, 2, 1, 0.5, 0.25, 0.125, 0.125, 0.125]
    for _ in range(12):
        camera = camera.zoomed(-1)
    assert camera.power is None


def test_one_cell_per_pixel_fills_the_pane():
    view = Camera(512, 40, 60).one_to_one().view()
    window = view.window
    assert (view.height, view.width, view.tall, view.wide) == (40, 60, 40, 60)
    assert (window.bottom - window.top, window.right - window.left) == (40, 60)
    assert window.top <= 256 < window.bottom
    assert window.left <= 256 < window.right


def test_small_matrices_are_enlarged():
    view = Camera(12, 40, 60).view()
    assert (view.height, view.width, view.tall, view.wide) == (12, 12, 40, 60)


def test_all_of_w_fills_the_pane_up_to_an_aspect_ratio():
    view = Camera(512, 36, 56).view()
    assert (view.height, view.width) == (view.tall, view.wide) == (36, 56)
    assert Camera(512, 20, 90).view().wide == 40
    assert Camera(512, 90, 20).view().tall == 40
    large = Camera(1 << 20, 36, 56).view()
    assert (large.height, large.width, large.tall, large.wide) == (32, 32, 36, 56)


def test_blocks_begin_at_multiples_of_their_size():
    camera = Camera(4096, 64, 64, cursor=(1234, 777)).zoomed(3)
    size = int(camera.cells_per_pixel)
    assert size > 1
    assert camera.top % size == 0
    assert camera.left % size == 0


def test_the_cursor_moves_by_pixels_and_scrolls_the_window():
    camera = Camera(512, 32, 32).moved(0, 1)
    assert camera.cursor == (256, 256)
    assert camera.moved(1, 0).cursor == (272, 256)
    close = dataclasses.replace(camera, cursor=(511, 0)).zoomed(2)
    assert close.view().window == Window(384, 0, 512, 128)
    top = close.view().window.top
    for _ in range(33):
        close = close.moved(-1, 0)
    assert close.view().window.top < top


def test_the_cursor_stops_at_the_edge():
    camera = obey(Camera(64, 32, 32), [("moved", 0, 0)] + [("moved", 1, -1)] * 100)
    assert camera.cursor == (63, 0)
    assert obey(camera.one_to_one(), [("moved", 1, -1)] * 100).cursor == (63, 0)


def test_a_pan_is_a_quarter_of_the_window_and_takes_the_cursor():
    camera = Camera(512, 32, 32, cursor=(256, 256)).zoomed(2)
    moved = camera.panned(1, 0)
    assert moved.top - camera.top == 32
    assert moved.cursor == (288, 256)
    assert Camera(512, 32, 32).panned(1, 1) == Camera(512, 32, 32)


def test_other_weights_are_looked_at_as_a_whole():
    camera = Camera(512, 32, 32, cursor=(500, 500)).zoomed(3).fitted(64, 32, 32, 1)
    assert camera == Camera(64, 32, 32)


def test_pixels_of_characters_fill_the_room():
    view = Camera(512, 16, 40, tall=2).view()
    assert (view.height, view.width) == (16, 40)
