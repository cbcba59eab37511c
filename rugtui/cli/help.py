"""`rugtui help`: the manual in the terminal: a chapter, a word, or a command."""

from __future__ import annotations

import json
import re

import click
from click.shell_completion import CompletionItem

from rugtui.errors import UsageError
from rugtui.manual import CHAPTERS, chapter, definitions
from rugtui.vocabulary import COMMANDS, schema

WIDEST = 100
"""Most columns of text: longer lines are hard to read."""


def _topics(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    return [
        CompletionItem(one.topic, help=one.about) for one in CHAPTERS if one.topic.startswith(begun)
    ]


@click.command(name="help")
@click.argument("topic", nargs=-1, shell_complete=_topics)
@click.option("--markdown", is_flag=True, help="Print the chapter as Markdown.")
@click.option(
    "--schema",
    "command_name",
    metavar="COMMAND",
    type=click.Choice(sorted(COMMANDS)),
    help="Print the JSON Schema of what COMMAND --json prints.",
)
@click.pass_context
def command(
    ctx: click.Context, topic: tuple[str, ...], markdown: bool, command_name: str | None
) -> None:
    """Open a chapter of the manual, explain a word, or list the chapters.

    TOPIC is model, theory, panes, experiments, ssh, python, files, sweeps, troubleshooting or
    glossary (the first letters are enough); a word of the glossary, a row of the panes or a name in
    JSON (L*, skew, exact loss, loss_end); or a command, whose options are listed.
    """
    word = " ".join(topic)
    if command_name is not None:
        if topic or markdown:
            raise UsageError("--schema prints a JSON Schema alone: leave out the topic.")
        click.echo(json.dumps(schema(command_name), indent=2, ensure_ascii=False))
        return
    if not topic:
        if markdown:
            raise UsageError("--markdown prints a chapter: name its topic.")
        width = max(len(one.topic) for one in CHAPTERS)
        click.echo("The manual; `rugtui help TOPIC` opens a chapter:\n")
        for one in CHAPTERS:
            click.echo(f"  {one.topic:<{width}}  {one.about}")
        click.echo("\n`rugtui help WORD` explains a word, such as L* or skew.")
        click.echo("`rugtui COMMAND --help` lists the options of a command.")
        return
    root = ctx.find_root()
    group = root.command
    if isinstance(group, click.Group) and word in group.list_commands(root):
        if markdown:
            raise UsageError("--markdown prints a chapter, and this is a command: leave it out.")
        named = group.get_command(root, word)
        assert named is not None
        with click.Context(named, parent=root, info_name=word) as inner:
            click.echo(named.get_help(inner))
        for meaning in list(definitions(word).values())[:1]:
            click.echo(f"\nGlossary: {' '.join(meaning.split())}")
        return
    text = _text(word)
    if markdown:
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.width = min(console.width, WIDEST)
    if console.is_terminal and len(text.splitlines()) > console.height // 2:
        with console.pager(styles=not console.no_color):
            console.print(Markdown(text))
    else:
        console.print(Markdown(text))


def _text(word: str) -> str:
    """A chapter, or what the glossary says about a word, as Markdown. Raises UsageError."""
    try:
        return chapter(word).text
    except UsageError:
        entries = definitions(word)
        if not entries:
            raise
    names = {name: re.sub(r"([*_])", r"\\\1", name) for name in entries}
    return "".join(f"**{names[name]}** – {meaning}\n\n" for name, meaning in entries.items())
