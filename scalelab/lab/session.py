"""One session of training, put together: lock, store, executor, supervisor; the same in the foreground and detached."""

from __future__ import annotations

from collections.abc import Sequence

from scalelab.lab import lock, mending
from scalelab.lab.executor import slots_of
from scalelab.lab.hooks import Guarded, Hooks
from scalelab.lab.local import LocalExecutor
from scalelab.lab.log import open_log
from scalelab.lab.prepare import Lab
from scalelab.lab.pulse import HANG_SECONDS
from scalelab.lab.resume import stored_preset
from scalelab.lab.stopping import Signals
from scalelab.lab.supervisor import Summary, Supervisor
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer


def train(
    lab: Lab,
    executor: LocalExecutor,
    hooks: Hooks,
    *,
    checkpoint_seconds: float = 60.0,
    hang_seconds: float = HANG_SECONDS,
    only: Sequence[str] = (),
    rate: float | None = None,
) -> Summary:
    """Train what is left of a lab, or `only` these runs of it again; the caller holds its lock."""
    from scalelab import plan

    views = Guarded(hooks, open_log(lab.paths))
    executor.slots = slots_of(lab.device)
    with Signals() as signals, Writer(lab.paths.store) as writer, Reader(lab.paths.store) as reader:
        if writer.journal != "wal":
            views.event("warning", f"{lab.paths.store} lies on a network file system: slower, and for one host only")
        mending.fall_back(writer, reader, lab.paths, views)
        supervisor = Supervisor(
            lab.paths,
            writer,
            reader,
            executor,
            lab.tokens,
            groups=lab.groups,
            views=views,
            signals=signals,
            checkpoint_seconds=checkpoint_seconds,
            # From then on others see an owner and may ask it to stop, long before it first looks.
            since=owner.since if (owner := lock.read_owner(lab.paths.lock)) else None,
            hang_seconds=hang_seconds,
            device=lab.device,
            spares=plan.spare_devices(lab.hardware or stored_preset(lab.paths).hardware, lab.device),
            only=only,
            rate=rate,
        )
        summary = supervisor.run()
    views.event(
        "end",
        f"{summary.done} of {summary.total} runs done, {summary.failed} failed, "
        f"{summary.diverged} diverged, {summary.left} left, in {summary.seconds:.1f} s",
    )
    return summary
