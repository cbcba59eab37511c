"""The manual and the README: every command and every Python block in them runs, at small sizes."""

import json
import re
import shlex
from pathlib import Path

import pytest

from rugtui.analysis.glossary import LOSSES, SYMMETRY
from rugtui.cli import COMMANDS, main
from rugtui.errors import UsageError
from rugtui.manual import CHAPTERS, chapter, definitions
from rugtui.tui.keynames import shown
from rugtui.tui.keys import KEYS

README = Path(__file__).parents[2] / "README.md"
TEXTS = {one.topic: one.text for one in CHAPTERS}
if README.is_file():
    TEXTS["README"] = README.read_text()

RUN = ["--steps=20", "--batch=32", "--device=cpu", "--quiet"]
SMALLER = {
    "train": ["--n-sparse=16", *RUN],
    "resume": ["--no-screen", "--steps=30", "--quiet"],
    "rug": ["--n-sparse=64"],
    "study": ["--n-sparse=16", "--steps=40", "--batch=32", "--quiet"],
    "study architectures": ["--n-sparse=16", *RUN, "--ratio=0.25", "--p=0.1", "--repeats=1"],
    "study structures": ["--n-sparse=16", *RUN, "--ratio=0.5"],
    "study phases": ["--ratio=0.5", "--p=0.1"],
    "sweep": ["--n-sparse=16", "--ratio=0.25,0.5", "--p=0.05,0.1", "--kinds=theory,linear"],
}
"""Options that make a command quick; the last one given is used."""
NEEDS_TERMINAL = ("", "open", "watch")
ONE_BY_ONE = {"--workers"}
"""Options that start processes, and are tested elsewhere."""


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


def command_lines(text):
    """The arguments of each rugtui in the shell blocks and in the prose, as a shell splits them."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    lines += [f"rugtui {found}" for found in re.findall(r"`rugtui ([^`\n]+)`", text)]
    for line in lines:
        before_comment = line.split(" #")[0].split(" > ")[0].strip().rstrip("&").strip()
        words = shlex.split(before_comment)
        if "rugtui" in words[:2]:
            yield tuple(words[words.index("rugtui") + 1 :])


def placeholders(words):
    """Whether the words have placeholders such as RUN, NAME or …"""
    return any(word in ("…", "...") or re.fullmatch(r"[A-Z]{3,}(#\d)?", word) for word in words)


LINES = sorted(
    {words for text in TEXTS.values() for words in command_lines(text) if not placeholders(words)}
    - {("figures", "grid")}  # with --terminal below: files are the test of figures
)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a run, a file of weights and a sweep, under the names that the texts use."""
    home = tmp_path_factory.mktemp("manual")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.chdir(home)
        assert main(["train", "--n-sparse=16", "--n-dense=4", *RUN]) == 0
        for name in ("weights", "rug"):
            assert main(["rug", "--n-sparse=64", "--n-dense=16", f"--save={name}.safetensors"]) == 0
        assert main(["export", "--format=npz", "--output=weights.npz"]) == 0
        assert main(["sweep", "--out=grid", *SMALLER["sweep"], "--quiet"]) == 0
    return home


@pytest.fixture
def there(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("XDG_STATE_HOME", str(workplace / "state"))
    return workplace


def test_most_commands_are_in_the_manual():
    assert len(LINES) > 30
    assert len({words[0] for words in LINES if words} & set(COMMANDS)) >= 10


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_every_command_in_the_manual_runs(words, there, capsys, sweeps_in_this_process):
    name = words[0] if words and not words[0].startswith("-") else ""
    more = list(SMALLER.get(" ".join(words[:2]), SMALLER.get(name, [])))
    if name in ("train", "rug") and "--ratio" not in words:
        more.append("--n-dense=4")
    if name == "sweep":
        index = words.index("--out") if "--out" in words else None
        if index is not None:
            more.append(f"--out=of-{words[index + 1]}-{len(words)}")
        elif "--dry-run" not in words:
            more.append("--dry-run")
    if ONE_BY_ONE & set(words):
        more.append("--dry-run")
    if name == "figures" and "--terminal" not in words:
        more.append("--terminal")
    if name == "export":
        more.append("--force")
    code = main([*words, *more])
    streams = capsys.readouterr()
    if name in NEEDS_TERMINAL and not {"--help", "--version", "--json"} & set(words):
        assert code == 2
        assert "terminal" in streams.err
    elif name == "doctor" and "--template" not in words:
        assert code == 1  # there is no terminal here
        assert streams.out
    else:
        assert (code, streams.err.count("Traceback")) == (0, 0), streams.err
    if "--json" in words:
        json.loads(streams.out)


PYTHON = [
    pytest.param(block, id=f"{topic}-{number}")
    for topic, text in TEXTS.items()
    for number, block in enumerate(blocks(text, "python"))
]


@pytest.mark.parametrize("block", PYTHON)
def test_every_python_block_runs(block, there, capsys, monkeypatch, sweeps_in_this_process):
    code = compile(block, "manual", "exec")
    if "Cluster(" in block:  # needs a cluster
        return
    monkeypatch.setenv("MPLBACKEND", "agg")
    exec(code, {"__name__": "__manual__"})


def test_keys_in_the_chapter_on_panes_are_in_the_key_table():
    keys = {one for key in KEYS for one in shown(key.keys).split(",")} | {
        shown(part) for key in KEYS for part in key.keys.split(",")
    }
    named = re.findall(r"`([^`\s]{1,6})`", chapter("panes").text)
    assert named
    assert set(named) - keys - {"rugtui"} == set()


def test_chapters_open_by_their_first_letters_and_unknown_ones_are_refused(capsys):
    assert chapter("mod").topic == "model"
    with pytest.raises(UsageError, match="no topic 'nothing'"):
        chapter("nothing")
    with pytest.raises(UsageError):
        chapter("")
    assert main(["help", "nothing"]) == 2
    assert "troubleshooting" in capsys.readouterr().err
    assert main(["help", "glossary", "--markdown"]) == 0
    assert capsys.readouterr().out == chapter("glossary").text
    assert main(["help", "train"]) == 0
    assert "--until-within" in capsys.readouterr().out
    assert main(["help", "--schema", "train"]) == 0
    assert "loss_kind" in json.loads(capsys.readouterr().out)["properties"]
    for nonsense in (["--markdown"], ["train", "--markdown"], ["model", "--schema", "train"]):
        assert main(["help", *nonsense]) == 2


@pytest.mark.parametrize(
    ("words", "explained"),
    [
        (["L*"], "the loss of the best symmetric model"),
        (["exact"], "exact(W) – Loss of these weights"),
        (["exact", "loss"], "from characteristic functions"),
        (["Gaussian(W)"], "if the interference in each row were Gaussian"),
        (["P"], "the probability that a feature is active"),
        (["l_end"], "where training should end"),
        (["loss_kind"], "heldout (fresh samples)"),
        (["sweep"], "Glossary: a grid of models"),
    ],
)
def test_help_explains_a_word_of_the_glossary_the_panes_or_json(words, explained, capsys):
    assert main(["help", *words]) == 0
    assert explained in " ".join(capsys.readouterr().out.split())


def test_the_glossary_has_every_row_of_the_panes():
    rows = (*LOSSES.values(), *SYMMETRY.values())
    assert all(f"| {one.name} |" in chapter("glossary").text for one in rows)
    assert all(one.name in definitions(one.name) for one in rows)


def test_every_command_is_in_the_manual_or_the_readme():
    told = {words[0] for words in LINES if words}
    assert set(COMMANDS) - told <= {"help", "open"}


@pytest.mark.skipif(not README.is_file(), reason="only beside the sources")
def test_every_file_that_contributors_are_sent_to_is_there():
    text = README.with_name("CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", text))
    assert len(named) > 30
    package = README.parent / "rugtui"
    folders = (package, README.parent, *package.iterdir(), package / "tui" / "panes")
    for name in named:
        assert any((folder / name).exists() for folder in folders), name
