"""Checks exported models against transformers, and trains one with TRL. Not a part of CI.

    pip install torch transformers trl tokenizers safetensors
    python tests/interop/huggingFace.py [CHECKPOINT]     # from the root of the repository

Without a checkpoint TRL trains a model with random weights, whose rewards are all 0. One that can get some:

    npx tsx src/cli/train.ts pretrain --shape mpt --modelsize tiny --operators "+,-" --max_digits 1 --max_depth 1 \\
        --steps 1 --num_examples 48000 --batch_size 32 --lr 1e-2 --scheduler none --dropout 0 --little_probability 0
"""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

TOLERANCE = 1e-4


def tsx(*args):
    subprocess.run(["npx", "tsx", *map(str, args)], check=True)


def check_logits(directory):
    """transformers' logits of an export against the engine's."""
    model, info = AutoModelForCausalLM.from_pretrained(directory / "export", output_loading_info=True)
    left_over = {key: value for key, value in info.items() if value}
    assert type(model).__name__ == "MptForCausalLM" and not left_over, left_over
    worst = 0.0
    for case in json.loads((directory / "logits.json").read_text()):
        with torch.no_grad():
            logits = model(torch.tensor([case["tokens"]])).logits[0]
        worst = max(worst, (logits - torch.tensor(case["logits"])).abs().max().item())
    scale = logits.abs().max().item()
    print(f"{directory.name}: logits up to {scale:.1f}, largest difference {worst:.2e}")
    assert worst <= TOLERANCE


def check_round_trip(directory):
    """What transformers saves comes back with the same bits."""
    saved, again = directory / "saved", directory / "again"
    AutoModelForCausalLM.from_pretrained(directory / "export").save_pretrained(saved)
    tsx("src/cli/export.ts", saved, "--out", again, "--quiet")
    first, second = (load_file(path / "model.safetensors") for path in (directory / "export", again))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name].view(torch.int32), second[name].view(torch.int32)) for name in first)
    print(f"{directory.name}: {len(first)} tensors are the same bits after transformers saved them")


def check_tokenizer(directory, texts):
    """Ids and texts against the tokenizer here."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    for case in json.loads(texts.read_text()):
        text, ids = case["text"], case["ids"]
        assert tokenizer(text)["input_ids"] == tokenizer.encode(text) == ids, text
        assert tokenizer.decode(ids) == text, text
        without = text.replace("<sos>", "").replace("<eos>", "")
        assert tokenizer.decode(ids, skip_special_tokens=True) == without, text
    count = len(json.loads(texts.read_text()))
    for foreign in ("A", "1+é", "<sos", "<other>", "1\n"):
        try:
            tokenizer(foreign)
        except Exception:
            continue
        raise AssertionError(f"{foreign!r} was tokenized")
    special = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert special == (52, 53, 53) and len(tokenizer) == 57, special
    print(f"{type(tokenizer).__name__}: {count} texts both ways; bos, eos, pad = {special}")


def train(directory, output):
    """Two steps of TRL's GRPO on sums of one-digit numbers."""
    sums = [(a, b) for a in range(10) for b in range(10)]
    rows = [{"prompt": f"<sos><big>{a}+{b}<scratchpad>", "answer": str(a + b)} for a, b in sums]

    def correctness(completions, answer, **_):
        return [float(text.split("<answer>")[-1] == right) for text, right in zip(completions, answer)]

    config = GRPOConfig(
        output_dir=str(output),
        max_steps=2,
        per_device_train_batch_size=64,
        num_generations=8,
        max_completion_length=64,
        learning_rate=1e-3,
        beta=0.02,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        bf16=False,
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
    )
    trainer = GRPOTrainer(
        model=str(directory),
        reward_funcs=correctness,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(directory),
    )
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    changed = sum(not torch.equal(value, before[name]) for name, value in trainer.model.named_parameters())
    print(f"TRL: {trainer.state.global_step} steps, {changed} of {len(before)} parameters changed")
    trainer.save_model(str(output / "model"))
    tsx("src/cli/inspect.ts", output / "model")


def main():
    packages = ("torch", "transformers", "tokenizers", "trl")
    print(", ".join(f"{package} {version(package)}" for package in packages))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        tsx("tests/interop/writeExamples.ts", root)
        models = sorted(path.parent for path in root.glob("*/logits.json"))
        for directory in models:
            check_logits(directory)
            check_round_trip(directory)
        check_tokenizer(models[0] / "export", root / "texts.json")
        if len(sys.argv) > 1:
            trained = root / "trained"
            tsx("src/cli/export.ts", sys.argv[1], "--out", trained)
        else:
            trained = root / "mpt" / "export"
        train(trained, root / "trl")


main()
