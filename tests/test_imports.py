"""The house rule: imports point one way, and textual lives under tui/ alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rugtui"
# Top to bottom: a room may import those before it, and itself.
ROOMS = [
    ["errors"],
    ["tables"],
    ["vocabulary"],
    ["runtime"],
    ["settings"],
    ["theory"],
    ["models"],
    ["analysis"],
    ["manual"],
    ["training"],
    ["storage"],
    ["sweeps"],
    ["live"],
    ["reports"],
    ["api"],
    ["tui"],
    ["cli"],
]
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            yield f"{node.module}.{node.names[0].name}" if node.module == "rugtui" else node.module


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    room = room_of(path)
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "textual":
            assert room == "tui", f"{path} imports textual outside tui/"
        if top != "rugtui" or not rest:
            continue
        target = rest.split(".")[0]
        if target not in RANK or room not in RANK:  # rugtui.__version__, rugtui/__init__, __main__
            continue
        assert RANK[target] <= RANK[room], f"{path} imports upwards: {name}"


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after `statement`."""
    code = f"{statement}\nimport sys; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_itself_imports_nothing_heavy():
    names = "rugtui, rugtui.errors; dir(rugtui)"
    heavy = {"torch", "scipy", "textual", "numpy", "click", "rich", "pyarrow"}
    assert not loaded_by(f"import {names}") & heavy
    assert not loaded_by("import rugtui; rugtui.predict, rugtui.Settings, rugtui.rug") & heavy
    assert "torch" not in loaded_by("import rugtui; rugtui.predict(0.25, 0.05)")


def test_settings_need_nothing_heavy():
    assert not loaded_by("import rugtui.settings.settings") & {
        "torch",
        "scipy",
        "textual",
        "numpy",
        "plotext",
    }


def test_theory_needs_no_torch():
    everything = "; ".join(
        f"import rugtui.theory.{path.stem}" for path in PACKAGE.glob("theory/[!_]*.py")
    )
    assert not loaded_by(everything or "import rugtui.theory") & {"torch", "textual", "plotext"}


def test_a_sweep_is_handed_out_without_torch():
    loaded = loaded_by("import rugtui.cli.sweep, rugtui.sweeps.cluster, rugtui.sweeps.folder")
    assert not loaded & {"torch", "distributed"}


def test_the_dashboard_is_painted_before_anything_slow_is_imported():
    assert not loaded_by("import rugtui.tui.app") & {"torch", "scipy", "plotext"}


def test_a_step_of_training_imports_no_compiler():
    """SymPy comes with torch.compile, which nothing here uses: a second and more before a step."""
    loaded = loaded_by(
        "from rugtui.settings.settings import Settings; "
        "from rugtui.training.trainer import Trainer; "
        "Trainer(Settings(n_sparse=8, n_dense=2, batch=4, device='cpu')).advance()"
    )
    assert "torch" in loaded
    assert "sympy" not in loaded
