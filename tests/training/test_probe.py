from __future__ import annotations

import subprocess
import sys

from scalelab.training.probe import probe
from tests.training.making import make_shape, make_spec, open_device


def test_each_rung_is_timed_once_and_a_larger_one_is_slower() -> None:
    large = make_spec(rung="64x4", shape=make_shape(d_model=64, n_head=2, d_ff=256, n_layer=4))
    # The least of some looks: whoever else wants the core in such a short one makes either of them slow.
    found = [probe(open_device("cpu"), [make_spec(), large, make_spec(seed=1)], seconds=0.02) for _ in range(5)]
    assert all(list(each) == ["16x2", "64x4"] for each in found)
    assert 0 < min(each["16x2"] for each in found) < min(each["64x4"] for each in found)


def test_a_preloaded_process_has_all_that_a_run_needs_and_no_second_thread() -> None:
    code = (
        "import sys, threading, scalelab.training.preload; from transformers.models.gpt2 import modeling_gpt2; "
        "import torch; assert 'scalelab.training.run' in sys.modules and 'safetensors.torch' in sys.modules; "
        "assert torch.get_num_threads() == 1 and threading.active_count() == 1; "
        "strange = {'sqlite3', 'scalelab.store', 'scalelab.lab', 'datasets', 'textual'} & set(sys.modules); "
        "print(sorted(strange))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
