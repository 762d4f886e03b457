"""Hugging Face Trainer with gradient accumulation: the same training as with the whole batch.

A language model learns from texts of which some tokens do not count (label -100), one or seven in a text. The Trainer
counts the tokens of all batches that make one step, `num_items_in_batch`; the criterion gives the sum that this divides.
Run it: `python examples/split_with_transformers.py`
"""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed

import lossmith as ls

criterion = ls.for_torch(ls.get("cross_entropy").ignore(-100), reduction="sum")


def compute_loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """The sum over tokens, divided by the tokens of the whole step: pass it as `compute_loss_func`."""
    raw, following = outputs.logits[:, :-1], labels[:, 1:]  # a token is predicted from those before it
    return criterion(raw.flatten(0, 1), following.flatten()) / num_items_in_batch


def texts(n: int = 32, length: int = 8, words: int = 20) -> list[dict[str, torch.Tensor]]:
    """Texts of which every fourth counts in full; of the others only the last token does."""
    random = torch.Generator().manual_seed(1)
    found = []
    for number in range(n):
        ids = torch.randint(0, words, (length,), generator=random)
        counts = torch.arange(length) >= (0 if number % 4 == 0 else length - 1)
        found.append({"input_ids": ids, "labels": torch.where(counts, ids, -100)})
    return found


def trained(rows: int, steps: int, loss: Any = compute_loss) -> torch.Tensor:
    """The weights after four steps of `rows` * `steps` texts each, as one vector."""
    set_seed(3)
    sizes = {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=2, num_key_value_heads=2))
    with tempfile.TemporaryDirectory() as folder:
        said = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=steps,
            max_steps=4,
            optim="sgd",
            learning_rate=0.5,
            lr_scheduler_type="constant",
            max_grad_norm=0,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="no",
        )
        Trainer(model, said, train_dataset=texts(), compute_loss_func=loss).train()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


if __name__ == "__main__":
    whole = trained(rows=8, steps=1)
    for rows, steps in ((4, 2), (2, 4), (1, 8)):
        print(
            f"{steps} micro-batches of {rows}: weights differ by {(trained(rows, steps) - whole).norm() / whole.norm():.1e}"
        )
