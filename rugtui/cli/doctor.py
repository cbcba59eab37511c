"""`rugtui doctor`: what works here, and what to do about what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rugtui.cli.output import json_option, write_json_line
from rugtui.cli.template import template

if TYPE_CHECKING:
    from rugtui.cli.checks import Check


@click.command(name="doctor")
@click.option(
    "--template",
    "as_template",
    is_flag=True,
    help="Print a config file with everything in it, commented out.",
)
@json_option
def command(as_template: bool, as_json: bool) -> None:
    """Say what works here: terminal, colours, link, devices, versions, paths, the config file.

    Each line is one thing; below what does not work stands what to do. It needs no terminal.
    """
    if as_template:
        click.echo(template(), nl=False)
        return
    from rugtui.cli.checks import checks

    found = checks()
    if as_json:
        write_json_line(
            {
                "works": all(check.works for check in found),
                "checks": {check.name: check.as_dict() for check in found},
            }
        )
        return
    width = max(len(check.name) for check in found)
    for check in found:
        _show(check, width)


def _show(check: Check, width: int) -> None:
    mark = "ok" if check.works else "!!"
    click.echo(f"{mark}  {check.name.replace('_', ' '):<{width}}  {check.value}")
    for advice in check.advice:
        click.echo(f"    {'':<{width}}  → {advice}")
