"""`scalelab devices`: what this machine can train on, as far as it is known without torch."""

from __future__ import annotations

import click

from scalelab.cli.options import example, json_option, print_json


@click.command(
    "devices",
    short_help="What this machine can train on.",
    epilog=example("scalelab devices", "scalelab devices --measure --json"),
)
@click.option("--measure", is_flag=True, help="Ask torch, and measure each device's peak; takes some seconds.")
@json_option
def command(measure: bool, as_json: bool) -> None:
    """List the devices, best first: the first is what `--device auto` takes."""
    from scalelab import plan
    from scalelab.gate import clean
    from scalelab.report.columns import columns
    from scalelab.units import format_bytes, format_flop_rate

    if measure:
        from scalelab.lab import control

        found = control.devices()
    else:
        found = plan.find_devices()
    if as_json:
        print_json({"schema": "scalelab.devices/1", "devices": [device.to_dict() for device in found]})
        return
    rows = [["device", "slots", "memory", "peak a slot", "", "dtype", "name"]]
    rows += [
        [
            device.name,
            str(device.slots),
            format_bytes(device.memory_bytes),
            format_flop_rate(device.peak_flops),
            device.peak_source,
            device.dtype,
            clean(device.label, 60),
        ]
        for device in found
    ]
    for line in columns(rows, left={0, 4, 5, 6}):
        click.echo(line)
