#!/usr/bin/env python3
"""The step of Algorithm 2 and log-probabilities of tokens as PyTorch users would write them, timed: eager and compiled.

The step: token rewards beta_1 log(dpo/ref) - beta_2 log(pi/ref), GAE (gamma 1, lambda 0.95), whitening, the clipped surrogate as a
token mean, and its gradient, in float32, as bench/torch/token_policy_step_bench.cpp. GAE is written three ways, and whoever
reports should report the fastest: a loop over tokens, a product with the matrix of powers of lambda, and that product within
chunks of 64 tokens with a loop over chunks. torch.compile gets the last one, twice as fast there as the one product; it unrolls the
loop for minutes.

usage: tensor_operations.py [--device cpu|cuda] [--case REGEX] [--seconds S]
Prints one JSON line a case: the fastest of several batches, milliseconds a call: processor time on the CPU, else time that passes.
"""
import argparse
import json
import os
import re
import time

import torch
import torch.nn.functional as F

BETA_1, BETA_2, LAMBDA, CLIP, EPSILON = 0.1, 0.03, 0.95, 0.2, 1e-8
CHUNK, VOCABULARY, ROWS = 64, 50304, 8192


def by_loop(delta):
    columns = [delta[:, -1]]
    for t in range(delta.shape[1] - 2, -1, -1):
        columns.append(delta[:, t] + LAMBDA * columns[-1])
    return torch.stack(columns[::-1], 1)


def powers(n, device):
    i = torch.arange(n, device=device)
    exponent = i[:, None] - i[None, :]
    return torch.where(exponent >= 0, LAMBDA ** exponent.float(), 0.0)


def by_product(time_, device):
    matrix = powers(time_, device)
    return lambda delta: delta @ matrix


def by_chunks(device):
    matrix, weight = powers(CHUNK, device), LAMBDA ** torch.arange(CHUNK, 0, -1, device=device).float()

    def gae(delta):
        batch, time_ = delta.shape
        within = delta.view(batch, time_ // CHUNK, CHUNK) @ matrix
        later, chunks = torch.zeros(batch, 1, device=delta.device), []
        for k in range(time_ // CHUNK - 1, -1, -1):
            chunks.append(within[:, k] + later * weight)
            later = chunks[-1][:, :1]
        return torch.cat(chunks[::-1], 1)

    return gae


def step_of(gae):
    def step(mask, old, reference, dpo, value, now):
        reward = torch.where(mask, BETA_1 * (dpo - reference) - BETA_2 * (old - reference), 0.0)
        v = torch.where(mask, value, 0.0)
        advantage = gae(torch.where(mask, reward + F.pad(v[:, 1:], (0, 1)) - v, 0.0))
        target = torch.where(mask, advantage + v, 0.0)
        n = mask.sum()
        mean = torch.where(mask, advantage, 0.0).sum() / n
        variance = torch.where(mask, (advantage - mean) ** 2, 0.0).sum() / n
        advantage = torch.where(mask, (advantage - mean) * torch.rsqrt(variance + EPSILON), 0.0)
        ratio = torch.exp(now - old)
        gain = torch.minimum(ratio * advantage, torch.clamp(ratio, 1 - CLIP, 1 + CLIP) * advantage)
        return torch.where(mask, -gain, 0.0).sum() / n, target, reward

    return step


def step_cases(device):
    for rows, time_ in ((256, 512), (4096, 1024)):
        ways = {"loop": by_loop, "product": by_product(time_, device), "chunks": by_chunks(device)}
        for mode in ("eager", "compile"):
            for way, gae in ways.items():
                if mode == "compile" and way != "chunks":
                    continue

                def make(rows=rows, time_=time_, mode=mode, gae=gae):
                    torch.manual_seed(1)
                    mask = torch.arange(time_, device=device)[None] < torch.randint(time_ // 4, time_ + 1, (rows, 1), device=device)
                    old, reference, dpo, value, noise = (torch.randn(rows, time_, device=device) for _ in range(5))
                    now = (old + 0.1 * noise).requires_grad_()
                    step = torch.compile(step_of(gae)) if mode == "compile" else step_of(gae)

                    def run():
                        step(mask, old, reference, dpo, value, now)[0].backward()
                        now.grad = None

                    return run

                yield f"token_policy_step/{rows}/{time_}", f"{mode}, {way}", make


def log_probability_cases(device):
    def log_probability(logits, tokens):
        return torch.log_softmax(logits, 1).gather(1, tokens)

    for direction in ("forward", "backward"):
        for name, dtype in (("float", torch.float32), ("bfloat16", torch.bfloat16)):
            for mode in ("eager", "compile"):

                def make(direction=direction, dtype=dtype, mode=mode):
                    torch.manual_seed(1)
                    logits = torch.randn(ROWS, VOCABULARY, device=device).to(dtype).requires_grad_(direction == "backward")
                    tokens = torch.randint(VOCABULARY, (ROWS, 1), device=device)
                    compute = torch.compile(log_probability) if mode == "compile" else log_probability

                    def run():
                        result = compute(logits, tokens)
                        if direction == "backward":
                            result.sum().backward()
                            logits.grad = None

                    return run

                yield f"token_log_probability/{name}/{direction}/{ROWS}", mode, make


def fastest(run, device, seconds):
    clock = time.process_time if device == "cpu" else time.perf_counter
    wait = torch.cuda.synchronize if device != "cpu" else lambda: None

    def batch(n):
        wait()
        begin = clock()
        for _ in range(n):
            run()
        wait()
        return (clock() - begin) / n

    run(), run()
    once = batch(1)
    calls = max(1, int(0.01 / once))
    return min(batch(calls) for _ in range(max(3, int(seconds / (calls * once)))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--case", default="", help="regular expression of the cases to run")
    parser.add_argument("--seconds", type=float, default=1.0, help="of measurement, a case")
    o = parser.parse_args()
    if o.device == "cpu":
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    for cases in (step_cases, log_probability_cases):
        for name, way, make in cases(o.device):
            if re.search(o.case, name):
                print(json.dumps({"case": name, "way": way, "version": torch.__version__,
                                  "milliseconds": 1e3 * fastest(make(), o.device, o.seconds)}), flush=True)


if __name__ == "__main__":
    main()
