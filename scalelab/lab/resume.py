"""A lab that is there already: whether this preset, this corpus and this device may go on with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.lab.hooks import Hooks
from scalelab.lab.paths import LabPaths
from scalelab.lab.prepare import DEVICE, PRESET, TOKENS, Lab, group_key, prepare_groups, tell_tokens
from scalelab.lab.recording import RECORDED
from scalelab.records import DeviceInfo, TokenSet
from scalelab.store.reader import Reader

if TYPE_CHECKING:
    from scalelab.preset import HardwareSpec, Preset

_MAY_DIFFER = frozenset({"description", "hardware.device", "hardware.slots"})
"""Fields that change where the runs train, not what they are."""


def reopen(preset: Preset | None, paths: LabPaths, hooks: Hooks) -> Lab:
    """The lab, after everything that its runs depend on was found unchanged; without a preset, its own serves.

    Raises
    ------
    BadInput
        The preset or the corpus is not the lab's; names the first field, and what to do.
    """
    stored = stored_preset(paths)
    if preset is not None:
        check_same(stored, preset, paths)
    wanted = preset or stored
    lab = load(paths)
    now, groups = prepare_groups(wanted, hooks, like=lab)
    for name, tokens in (("", now), *groups.items()):
        if tokens.key != lab.tokens_of(name).key:
            raise BadInput(
                f"the corpus {tokens.corpus!r} of lab {paths.root} has changed since it was prepared",
                todo="put the old text back, or start another lab with --lab",
            )
    device = device_for(wanted.hardware, lab.device)
    for tokens in (now, *groups.values()):
        tell_tokens(tokens, hooks)
    if (device.name, device.label) != (lab.device.name, lab.device.label):
        hooks.on_event("warning", f"the lab began on {lab.device.label} and goes on on {device.label}: not exact")
    return Lab(paths=paths, tokens=now, device=device, groups=groups, hardware=wanted.hardware)


def device_for(wanted: HardwareSpec, own: DeviceInfo) -> DeviceInfo:
    """The device that is asked for; where it is the lab's own, that as it was measured.

    Raises
    ------
    BadInput
        When no such device is here.
    """
    from scalelab import plan

    found = plan.choose_device(wanted)
    measured = replace(found, memory_bytes=own.memory_bytes, peak_flops=own.peak_flops, peak_source=own.peak_source)
    return own if measured == own else found


def load(paths: LabPaths) -> Lab:
    """The lab as it was written, unchecked."""
    with Reader(paths.store) as reader:
        tokens, device = reader.meta(TOKENS), reader.meta(DEVICE)
        further = {name: kept for name in reader.groups() if (kept := reader.meta(group_key(name)))}
    if tokens is None or device is None:
        raise ScalelabError(f"lab {paths.root} was never finished", todo="remove it and start again")
    return Lab(
        paths=paths,
        tokens=TokenSet.from_json(tokens),
        device=DeviceInfo.from_json(device),
        groups={name: TokenSet.from_json(kept) for name, kept in further.items()},
    )


def stored_preset(paths: LabPaths) -> Preset:
    """The preset that the lab was made with."""
    from scalelab import preset_files

    with Reader(paths.store) as reader:
        toml, recorded = reader.meta(PRESET), reader.meta(RECORDED)
    if recorded:
        raise BadInput(
            f"lab {paths.root} holds runs that were trained elsewhere: there is no plan to train",
            todo="`scalelab fit` and `scalelab predict` read it",
        )
    if toml is None:
        raise ScalelabError(f"lab {paths.root} was never finished", todo="remove it and start again")
    return preset_files.loads(toml, str(paths.root))


def check_same(stored: Preset, asked: Preset, paths: LabPaths) -> None:
    """Refuse another preset than the lab's, naming the first field that differs."""
    for field, ours, theirs in _differences(stored.model_dump(by_alias=True), asked.model_dump(by_alias=True)):
        if field not in _MAY_DIFFER:
            raise BadInput(
                f"lab {paths.root} was made with {field} = {_shown(ours)} and now {field} = {_shown(theirs)} is asked",
                todo="choose another folder with --lab, or leave the field as the lab has it",
            )


def _differences(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for name in ours:
        one, other = ours[name], theirs.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{prefix}{name}.")
        elif one != other:
            yield f"{prefix}{name}", one, other


def _shown(value: Any) -> str:
    return "unset" if value is None else clean(repr(value), 60)
