"""Every file, function and test that the derivations name is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "rugtui/theory/README.md"
FILES = re.compile(r"[\w/]*\w\.py")


@cache
def names_in(path: Path) -> set[str]:
    """What a module defines at its top, and in its classes as Class.name."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if hasattr(one, "name")}
        targets = [node] if hasattr(node, "name") else getattr(node, "targets", ())
        found |= {getattr(one, "name", getattr(one, "id", "")) for one in targets}
    return found


def located(name: str) -> Path:
    """The file of a name like theory's own: with a folder from the root or the package."""
    file = name if name.endswith(".py") else f"{name}.py"
    home = "tests" if file.startswith("test_") else "rugtui"
    places = [ROOT / file, ROOT / "rugtui" / file, ROOT / home / "theory" / file]
    return next((place for place in places if place.is_file()), places[-1])


def named() -> Iterator[tuple[str, Path, str]]:
    """(line, file, name in it or nothing) for what stands in backticks and is no formula.

    A name alone belongs to the file before it: a test's to the last file of tests, another to the
    last module of its row.
    """
    test = ROOT
    for line in README.read_text().splitlines():
        module, table = None, line.startswith("|")
        for word in re.findall(r"`([^`]+)`", line):
            before, _, name = word.partition("::")
            if before == "…" or (word.startswith("test_") and ".py" not in word):
                yield line, test, name or word
            elif FILES.fullmatch(before):
                file = located(before)
                test = file if file.name.startswith("test_") else test
                yield line, file, name
            elif re.fullmatch(r"[a-z_/]+(\.\w+)+", word):
                head, _, name = word.partition(".")
                module = located(head)
                yield line, module, name
            elif table and module and re.fullmatch(r"\w+", word):
                yield line, module, word


@pytest.mark.parametrize(("line", "file", "name"), list(named()))
def test_every_name_exists(line, file, name):
    assert file.is_file(), line
    assert not name or name in names_in(file), f"{name} in {file}"


def test_names_are_found_in_the_readme():
    found = {(file.name, name) for _, file, name in named()}
    assert ("gaussian.py", "loss_gradient") in found
    assert ("moments.py", "variance") in found
    assert ("test_exact.py", "test_the_finite_size_correction_of_rugs") in found
    assert len(found) > 50
