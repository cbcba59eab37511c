"""`rugtui help`: the manual, rendered in the terminal."""

from __future__ import annotations

import json

import click
from click.shell_completion import CompletionItem

from rugtui.errors import UsageError
from rugtui.manual import CHAPTERS, chapter
from rugtui.vocabulary import COMMANDS, schema

WIDEST = 100
"""Columns of text at most: longer lines are hard to read."""


def _topics(ctx: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    return [
        CompletionItem(one.topic, help=one.about) for one in CHAPTERS if one.topic.startswith(begun)
    ]


@click.command(name="help")
@click.argument("topic", required=False, shell_complete=_topics)
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
    ctx: click.Context, topic: str | None, markdown: bool, command_name: str | None
) -> None:
    """Open a chapter of the manual, the help of a command, or the list of chapters.

    TOPIC is model, theory, panes, experiments, ssh, python, files, sweeps, troubleshooting or
    glossary; the first letters are enough. The name of a command shows its options.
    """
    if command_name is not None:
        if topic or markdown:
            raise UsageError("--schema prints a JSON Schema alone: leave out the topic.")
        click.echo(json.dumps(schema(command_name), indent=2, ensure_ascii=False))
        return
    if topic is None:
        if markdown:
            raise UsageError("--markdown prints a chapter: name its topic.")
        width = max(len(one.topic) for one in CHAPTERS)
        click.echo("The manual; `rugtui help TOPIC` opens a chapter:\n")
        for one in CHAPTERS:
            click.echo(f"  {one.topic:<{width}}  {one.about}")
        click.echo("\n`rugtui COMMAND --help` lists the options of a command.")
        return
    root = ctx.find_root()
    group = root.command
    if isinstance(group, click.Group) and topic in group.list_commands(root) and topic != "help":
        if markdown:
            raise UsageError("--markdown prints a chapter, and this is a command: leave it out.")
        found = group.get_command(root, topic)
        assert found is not None
        with click.Context(found, parent=root, info_name=topic) as inner:
            click.echo(found.get_help(inner))
        return
    text = chapter(topic).text
    if markdown:
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.width = min(console.width, WIDEST)
    if console.is_terminal:
        with console.pager(styles=not console.no_color):
            console.print(Markdown(text))
    else:
        console.print(Markdown(text))
