"""The engines that are compared: ours, a nanoGPT-style loop, and Hugging Face's Trainer. Each says tokens per second.

Every one trains GPT-2 on the same memory-mapped tokens for a given time, after five steps that do not count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from scalelab.records import AdamW, Decay, ModelShape, RunKind, RunSpec, Schedule, TokenSet

WARM = 5


class Clock:
    """Counts steps once the warm ones are over, and knows when the time is up."""

    def __init__(self, tokens_a_step: int, seconds: float) -> None:
        self._tokens, self._seconds = tokens_a_step, seconds
        self._steps, self._start, self._last = 0, 0.0, 0.0

    def tick(self) -> bool:
        """After a step: whether that was the last one."""
        self._steps += 1
        self._last = time.perf_counter()
        if self._steps <= WARM:
            self._start = self._last
        return self._steps > WARM and self._last - self._start >= self._seconds

    @property
    def rate(self) -> float:
        """Tokens per second of the steps that count."""
        return (self._steps - WARM) * self._tokens / (self._last - self._start)


def ours(shape: ModelShape, batch: int, tokens: TokenSet, seconds: float) -> float:
    """`train` itself, with its points, guard and schedule."""
    from scalelab.training.device import open_device
    from scalelab.training.model import count
    from scalelab.training.run import train

    clock = Clock(batch * shape.context, seconds)
    steps = 1_000_000
    schedule = Schedule(peak=1e-3, warmup_steps=50, decay=Decay.CONSTANT, decay_start=steps, n_steps=steps)
    spec = RunSpec(
        run="b", kind=RunKind.TRUNK, rung="b", seed=0, shape=shape, counts=count(shape), batch_sequences=batch,
        micro_sequences=batch, first_step=0, schedule=schedule, optimizer=AdamW(), evaluation_tokens=2 * shape.context,
    )  # fmt: skip
    device = open_device("cpu", threads=torch.get_num_threads())
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(
            spec, tokens, attempt=0, run_dir=Path(folder), device=device, report=lambda message: None,
            should_stop=clock.tick, resume_from=None, checkpoint_seconds=1e9,
        )  # fmt: skip
    assert outcome.step > WARM, outcome.reason
    return clock.rate


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.act = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = (
            part.view(b, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(c, dim=2)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).contiguous().view(b, t, c))
        return x + self.down(self.act(self.up(self.norm2(x))))


class _Gpt(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.tokens, self.places = (
            nn.Embedding(shape.vocab_size, shape.d_model),
            nn.Embedding(shape.context, shape.d_model),
        )
        self.blocks = nn.ModuleList([_Block(shape.d_model, shape.n_head) for _ in range(shape.n_layer)])
        self.norm = nn.LayerNorm(shape.d_model)
        self.head = nn.Linear(shape.d_model, shape.vocab_size, bias=False)
        self.tokens.weight = self.head.weight
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


def nanogpt(shape: ModelShape, batch: int, tokens: TokenSet, seconds: float) -> float:
    """A loop in the way of nanoGPT: random crops, two parameter groups, clipping by norm, one loss read a step."""
    torch.manual_seed(0)
    model = _Gpt(shape)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    flat = np.memmap(Path(tokens.directory) / "train.bin", dtype=np.uint16, mode="r")
    clock = Clock(batch * shape.context, seconds)
    done = False
    while not done:
        starts = torch.randint(len(flat) - shape.context - 1, (batch,)).tolist()
        ids = torch.stack([torch.from_numpy(flat[i : i + shape.context].astype(np.int64)) for i in starts])
        targets = torch.stack([torch.from_numpy(flat[i + 1 : i + 1 + shape.context].astype(np.int64)) for i in starts])
        loss = model(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        done = clock.tick()
    return clock.rate


def _trainer(shape: ModelShape, batch: int, tokens: TokenSet, seconds: float, dropout: float) -> float:
    import transformers
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

    transformers.logging.set_verbosity_error()
    flat = np.memmap(Path(tokens.directory) / "train.bin", dtype=np.uint16, mode="r")
    context = shape.context
    rows = flat[: len(flat) // context * context].reshape(-1, context).astype(np.int64)
    examples = [{"input_ids": row, "labels": row} for row in rows]
    config = GPT2Config(
        vocab_size=shape.vocab_size, n_positions=context, n_embd=shape.d_model, n_layer=shape.n_layer,
        n_head=shape.n_head, resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout, bos_token_id=None,
        eos_token_id=None,
    )  # fmt: skip
    clock = Clock(batch * context, seconds)

    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            control.should_training_stop = clock.tick()

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder, per_device_train_batch_size=batch, max_steps=1_000_000, learning_rate=1e-3, logging_steps=100,
            save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer: Any = Trainer(GPT2LMHeadModel(config), settings, train_dataset=examples, callbacks=[Stop()])
        trainer.pop_callback(transformers.trainer_callback.PrinterCallback)
        trainer.train()
    return clock.rate


def guide(shape: ModelShape, batch: int, tokens: TokenSet, seconds: float) -> float:
    """Trainer as the library's guide has it: 4 sequences a step, dropout 0.1, gelu_new, all cores for one process."""
    return _trainer(shape, 4, tokens, seconds, dropout=0.1)


def trainer(shape: ModelShape, batch: int, tokens: TokenSet, seconds: float) -> float:
    """Trainer with our batch and without dropout: the fair comparison of engines."""
    return _trainer(shape, batch, tokens, seconds, dropout=0.0)


PEERS: dict[str, Callable[[ModelShape, int, TokenSet, float], float]] = {
    "ours": ours,
    "nanogpt": nanogpt,
    "guide": guide,
    "trainer": trainer,
}
