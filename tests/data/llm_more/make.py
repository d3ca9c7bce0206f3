#!/usr/bin/env python3
"""Writes models/ and expected/ beside this file: tiny random checkpoints of the architectures that ../llm has not, and what
transformers computes from them, in the form of ../llm; adapters/: LoRA adapters of PEFT for two of them.
Needs torch, transformers, peft (written with 2.11.0, 5.17.0, see `versions` in the files)."""
import json
import pathlib
import shutil

import peft
import torch
import transformers
from transformers import GPT2Config, GPTNeoXConfig, LlamaConfig, Qwen2Config, Qwen3Config, AutoModelForCausalLM

here = pathlib.Path(__file__).parent
torch.set_num_threads(1)
VOCABULARY, CONTEXT = 96, 128
common = dict(vocab_size=VOCABULARY, bos_token_id=1, eos_token_id=2, pad_token_id=0)
small = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=CONTEXT, **common)
configs = {
    "gpt2": GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT, **common),
    "qwen2": Qwen2Config(intermediate_size=56, num_key_value_heads=2, tie_word_embeddings=True, **small),
    "qwen3": Qwen3Config(intermediate_size=56, num_key_value_heads=1, head_dim=16, tie_word_embeddings=False, **small),
    "neox_sequential": GPTNeoXConfig(intermediate_size=56, use_parallel_residual=False, hidden_act="gelu_new",
                                     rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0},
                                     **small),
    "llama_linear": LlamaConfig(intermediate_size=56, num_key_value_heads=4, attention_bias=True, mlp_bias=True,
                                rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}, **small),
}
adapted = {"qwen2": ["q_proj", "v_proj", "down_proj"], "gpt2": ["c_attn", "c_fc"]}


def digits(x, n=7):
    return [digits(y, n) for y in x] if isinstance(x, list) else float(f"{x:.{n}g}")


def randomise(model, generator):
    """Larger than at the start of training, so that every part counts; nothing stays 0 or 1."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        p.data = 1 + 0.2 * noise if "norm" in name or "ln_" in name and name.endswith("weight") else 0.25 * noise


def rows(generator, lengths):
    return [torch.randint(3, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


def forward(model, row):
    return model(torch.tensor([row])).logits[0]


def block_forward(model, texts):
    longest = max(map(len, texts))
    right = [t + [0] * (longest - len(t)) for t in texts]
    left = [[0] * (longest - len(t)) + t for t in texts]
    mask = [[1] * len(t) + [0] * (longest - len(t)) for t in texts]
    left_mask = [m[::-1] for m in mask]
    position = [[0] * (longest - len(t)) + list(range(len(t))) for t in texts]
    with torch.no_grad():
        padded = model(torch.tensor(right), attention_mask=torch.tensor(mask)).logits
        last = model(torch.tensor(left), attention_mask=torch.tensor(left_mask), position_ids=torch.tensor(position)).logits[:, -1]
    log_p = [torch.log_softmax(padded[i, : len(t) - 1], -1).gather(1, torch.tensor(t[1:])[:, None])[:, 0] for i, t in enumerate(texts)]
    return {
        "input_ids_right": right, "attention_mask_right": mask, "input_ids_left": left, "attention_mask_left": left_mask,
        "logits_right": [digits(padded[i, : len(t)].tolist()) for i, t in enumerate(texts)],
        "logits_left_last": digits(last.tolist()), "token_logprobs": [digits(x.tolist(), 9) for x in log_p],
    }


def block_long(model, row):
    with torch.no_grad():
        logits = forward(model, row)
    nll = -torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(row[1:])[:, None]).mean()
    return {"row": row, "last_logits": digits(logits[-1].tolist()), "argmax_all": logits.argmax(-1).tolist(), "mean_nll": digits(nll.item(), 9)}


def block_greedy(model, prompts, n=24):
    tokens, margin = [], float("inf")
    for prompt in prompts:
        text = list(prompt)
        for _ in range(n):
            with torch.no_grad():
                top = forward(model, text)[-1].topk(2)
            margin = min(margin, (top.values[0] - top.values[1]).item())
            text.append(top.indices[0].item())
        tokens.append(text[len(prompt):])
    return {"prompts": prompts, "max_new_tokens": n, "tokens": tokens, "min_top1_top2_margin": digits(margin, 4)}


def block_sft(model, texts, prompts):
    model.zero_grad()
    terms = [-torch.log_softmax(forward(model, t)[n - 1 : -1], -1).gather(1, torch.tensor(t[n:])[:, None])[:, 0] for t, n in zip(texts, prompts)]
    loss = torch.cat(terms).mean()
    loss.backward()
    norms = {name: digits(p.grad.norm().item(), 9) for name, p in model.named_parameters()}
    total = sum(p.grad.square().sum() for p in model.parameters()).sqrt()
    return {"rows": texts, "prompt_lens": prompts, "loss": digits(loss.item(), 9), "grad_norm": digits(total.item(), 9), "grad_norm_tensor": norms}


for folder in ("models", "expected", "adapters"):
    shutil.rmtree(here / folder, ignore_errors=True)
(here / "expected").mkdir()
for seed, (name, config) in enumerate(configs.items(), start=10):
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config).eval()
    randomise(model, generator)
    model.save_pretrained(here / "models" / name)
    texts = rows(generator, [5, 9, 7])
    out = {
        "format": "rto-llm/1", "model": name, "arch": config.model_type, "tied": config.tie_word_embeddings,
        "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "peft": peft.__version__},
        "files": {"policy": f"models/{name}"}, "pad_id": 0, "eos_id": 2,
        "parameters": {n: list(p.shape) for n, p in model.named_parameters()},
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "forward": block_forward(model, texts), "long": block_long(model, rows(generator, [96])[0]),
        "greedy": block_greedy(model, texts), "sft": block_sft(model, rows(generator, [11, 12, 9]), [3, 6, 4]),
    }
    if name in adapted:
        torch.manual_seed(seed)
        tuned = peft.get_peft_model(model, peft.LoraConfig(r=3, lora_alpha=5, target_modules=adapted[name], lora_dropout=0.0,
                                                           fan_in_fan_out=name == "gpt2", task_type="CAUSAL_LM")).eval()
        for parameter, p in tuned.named_parameters():
            if "lora_B" in parameter:
                p.data = 0.3 * torch.randn(p.shape, generator=generator)
        tuned.save_pretrained(here / "adapters" / name)
        (here / "adapters" / name / "README.md").unlink()  # a template of a model card
        with torch.no_grad():
            out["adapted_last_logits"] = digits(tuned(torch.tensor([out["long"]["row"]])).logits[0, -1].tolist())
    (here / "expected" / f"{name}.json").write_text(json.dumps(out) + "\n")
    print(name, out["greedy"]["min_top1_top2_margin"], out["forward"]["logits_left_last"][0][:4])
