"""Records for the store's tests: small, complete, all different."""

from __future__ import annotations

from scalelab.records import (
    AdamW,
    Decay,
    Evaluation,
    ModelShape,
    ParameterCount,
    PartEvaluation,
    Point,
    RunKind,
    RunSpec,
    Saved,
    Schedule,
    Usage,
)

SHAPE = ModelShape(architecture="gpt2", n_layer=1, d_model=16, n_head=1, d_ff=64, context=16, vocab_size=257)


def spec(run: str = "16x1-D1k-s0", kind: RunKind = RunKind.SINGLE, **changes: object) -> RunSpec:
    values: dict[str, object] = {
        "run": run,
        "kind": kind,
        "rung": "16x1",
        "seed": 0,
        "shape": SHAPE,
        "counts": ParameterCount(n_params=7400, n_blocks=3300, n_total=7700),
        "batch_sequences": 4,
        "micro_sequences": 4,
        "first_step": 0,
        "optimizer": AdamW(),
        "evaluation_steps": (5, 10),
        "schedule": Schedule(peak=0.01, warmup_steps=2, decay=Decay.CONSTANT, decay_start=10, n_steps=10),
        **changes,
    }
    return RunSpec(**values)  # type: ignore[arg-type]


def point(run: str = "16x1-D1k-s0", step: int = 1, attempt: int = 1, loss: float = 3.0) -> Point:
    return Point(
        run=run,
        attempt=attempt,
        step=step,
        n_tokens=64 * step,
        loss=loss,
        lr=0.01,
        grad_norm=0.5,
        tokens_per_second=1e4,
        seconds=0.1 * step,
    )


def evaluation(run: str = "16x1-D1k-s0", step: int = 10, *, final: bool = True, loss: float = 2.5) -> Evaluation:
    return Evaluation(
        run=run,
        attempt=1,
        step=step,
        n_tokens=64 * step,
        flops=1e7 * step,
        loss=loss,
        loss_se=0.01,
        accuracy=0.3,
        bits_per_byte=1.5,
        evaluated_tokens=1024,
        final=final,
    )


def part_evaluation(run: str = "16x1-D1k-s0", part: str = "python", *, loss: float = 2.0) -> PartEvaluation:
    return PartEvaluation(
        run=run, attempt=1, step=10, part=part, loss=loss, loss_se=0.02, accuracy=0.4, bits_per_byte=1.25,
        evaluated_tokens=512,
    )  # fmt: skip


def saved(run: str = "16x1-D1k-s0", step: int = 5, *, for_branch: bool = False) -> Saved:
    return Saved(run=run, attempt=1, step=step, path=f"checkpoint/{step:010d}", for_branch=for_branch)


def usage(slot: int = 0, *, time: float = 1e9, utilisation: float | None = 0.5) -> Usage:
    return Usage(slot=slot, device="cpu", time=time, memory_used=10**8, memory_total=10**10, utilisation=utilisation)
