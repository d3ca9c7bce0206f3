#!/usr/bin/env python3
"""Algorithm 2 on a token tree as numpy and jax users would write it, timed: answers sampled and learned from per second.

The world has the default shape of sim/training/token_world.hpp, and so have the loop and its options in
sim/training/policy_optimization.hpp: sample, token reward beta_1 log(dpo/ref) - beta_2 log(pi/ref), GAE, whitening,
epochs of minibatches with the clipped surrogate and the clipped value loss, token means, and Adam on the parameters that
a minibatch touches. numpy works in float64; jax in float32 (--x64: float64), its whole run compiled, on the CPU.

    python3 -m venv "${PEERS_DIR:-$HOME/.cache/rto-peers}/venv"
    "${PEERS_DIR:-$HOME/.cache/rto-peers}/venv/bin/pip" install numpy jax
    "${PEERS_DIR:-$HOME/.cache/rto-peers}/venv/bin/python" bench/peers/policy_optimization.py numpy jax

`scripts/bench --peers` runs it beside the project's own loop. Prints one JSON line a peer.
"""
import argparse
import json
import time

import numpy as np

A, H, PROMPTS = 5, 5, 4
BATCH, MINIBATCH, EPOCHS, ITERATIONS = 256, 16, 2, 100
BETA_1, BETA_2, LAMBDA, CLIP, VALUE_CLIP, WHITEN_EPSILON = 0.1, 0.03, 0.95, 0.2, 0.2, 1e-8
RATE, B1, B2, ADAM_EPSILON = 0.03, 0.9, 0.999, 1e-8
UPDATES = EPOCHS * (BATCH // MINIBATCH)


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def make_world(rng):
    """child [N, A] (-1: the answer has ended), log pi_ref and log pi_dpo [N, A]. States 0 .. PROMPTS - 1 are the prompts."""
    depth, child = [0] * PROMPTS, []
    for s in range(10**9):
        if s == len(depth):
            break
        row = []
        for a in range(A):
            if a == A - 1 or depth[s] == H - 1:
                row.append(-1)
            else:
                row.append(len(depth))
                depth.append(depth[s] + 1)
        child.append(row)
    child = np.array(child)
    log_ref = log_softmax(rng.normal(size=child.shape))
    return child, log_ref, log_softmax(log_ref + rng.normal(scale=0.25, size=child.shape) / BETA_1)


class NumpyAdam:
    """On the rows that a minibatch touches; a row's bias correction has its own clock."""

    def __init__(self, shape):
        self.value, self.first, self.second = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.steps = np.zeros(shape[0], int)
        k = np.arange(1, ITERATIONS * UPDATES + 1)
        self.correct_first, self.correct_second = 1 / (1 - B1**k), 1 / np.sqrt(1 - B2**k)

    def step(self, rows, gradient, rate):
        first = self.first[rows] = B1 * self.first[rows] + (1 - B1) * gradient
        second = self.second[rows] = B2 * self.second[rows] + (1 - B2) * gradient * gradient
        steps = self.steps[rows]
        self.steps[rows] = steps + 1
        move = (rate * self.correct_first[steps])[:, None] * first
        self.value[rows] -= move / (np.sqrt(second) * self.correct_second[steps][:, None] + ADAM_EPSILON)


def run_numpy(world, rng):
    child, log_ref, log_dpo = world
    log_ratio = log_dpo - log_ref
    # Logits and value of a state side by side: one table, one step of Adam.
    net = NumpyAdam((len(child), A + 1))
    logits, critic = net.value[:, :A], net.value[:, A]
    rewards = []
    for iteration in range(ITERATIONS):
        # All rows at once are cheaper here than those met at each step.
        log_pi = log_softmax(log_ref + logits)
        cumulative = np.exp(log_pi).cumsum(1)
        state, token = np.zeros((BATCH, H), int), np.zeros((BATCH, H), int)
        mask = np.zeros((BATCH, H), bool)
        s, alive = rng.integers(PROMPTS, size=BATCH), np.ones(BATCH, bool)
        uniform = rng.random((BATCH, H))
        for t in range(H):
            a = np.minimum((uniform[:, t, None] >= cumulative[s]).sum(1), A - 1)
            state[:, t], token[:, t], mask[:, t] = s, a, alive
            following = child[s, a]
            alive = alive & (following >= 0)
            s = np.where(alive, following, 0)
        old = np.where(mask, log_pi[state, token], 0)
        implicit = np.where(mask, BETA_1 * log_ratio[state, token], 0)
        reward = implicit - BETA_2 * np.where(mask, old - log_ref[state, token], 0)
        value = np.where(mask, critic[state], 0)
        delta = reward - value
        delta[:, :-1] += value[:, 1:]
        delta *= mask
        advantage = delta
        for t in range(H - 2, -1, -1):
            advantage[:, t] += LAMBDA * advantage[:, t + 1]
        target = advantage + value
        valid = advantage[mask]
        advantage = (advantage - valid.mean()) / np.sqrt(valid.var() + WHITEN_EPSILON)
        rewards.append(implicit.sum() / BATCH)

        for epoch in range(EPOCHS):
            # The tokens of the epoch as one flat list in its order of answers: no padding from here on.
            order = rng.permutation(BATCH)
            some = mask[order]
            ends = some.sum(1).cumsum()[MINIBATCH - 1 :: MINIBATCH].tolist()
            flat = [x[order][some] for x in (state, token, old, advantage, value, target)]
            for k, (begin, end) in enumerate(zip([0] + ends, ends)):
                st, tk, old_k, adv_k, v_old, tgt = (x[begin:end] for x in flat)
                n = end - begin
                rate = RATE * (1 - (iteration * UPDATES + epoch * (BATCH // MINIBATCH) + k) / (ITERATIONS * UPDATES))
                rows, inverse = np.unique(st, return_inverse=True)
                now = net.value[rows]
                row_log_pi = log_softmax(log_ref[rows] + now[:, :A])

                ratio = np.exp(row_log_pi[inverse, tk] - old_k)
                inside = np.where(adv_k >= 0, ratio <= 1 + CLIP, ratio >= 1 - CLIP)
                slope = -ratio * adv_k * inside / n
                gradient = np.bincount(inverse * (A + 1) + tk, slope, len(rows) * (A + 1)).reshape(-1, A + 1)
                taken = gradient[:, :A]
                taken -= taken.sum(1, keepdims=True) * np.exp(row_log_pi)

                v = now[inverse, A]
                error = v - tgt
                clipped = np.minimum(np.maximum(v, v_old - VALUE_CLIP), v_old + VALUE_CLIP) - tgt
                free = (np.abs(v - v_old) <= VALUE_CLIP) | (np.abs(error) >= np.abs(clipped))
                gradient[:, A] = np.bincount(inverse, error * free / n, len(rows))
                net.step(rows, gradient, rate)
    return rewards


def make_run_jax(world, x64):
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", x64)
    import jax.numpy as jnp
    from jax import lax

    child, log_ref, log_dpo = (jnp.asarray(x, None if x.dtype == int else jnp.result_type(float)) for x in world)
    states = child.shape[0]
    log_ratio = log_dpo - log_ref

    def adam_init(shape):
        return tuple(jnp.zeros(shape) for _ in range(3)) + (jnp.zeros(states),)

    def adam(x, gradient, touched, rate):
        value, first, second, steps = x
        wide = (lambda y: y) if value.ndim == 1 else (lambda y: y[:, None])
        first_now = B1 * first + (1 - B1) * gradient
        second_now = B2 * second + (1 - B2) * gradient * gradient
        steps_now = steps + 1
        move = rate * (first_now / wide(1 - B1**steps_now)) / (jnp.sqrt(second_now / wide(1 - B2**steps_now)) + ADAM_EPSILON)
        keep = wide(touched)
        return (jnp.where(keep, value - move, value), jnp.where(keep, first_now, first),
                jnp.where(keep, second_now, second), jnp.where(touched, steps_now, steps))

    def loss(logits, v, part):
        state, token, mask, old, advantage, v_old, target = part
        n = mask.sum()
        log_pi = jax.nn.log_softmax(logits)
        now = jnp.take_along_axis(log_pi, token[:, None], 1)[:, 0]
        ratio = jnp.exp(now - old)
        gain = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage)
        clipped = jnp.clip(v, v_old - VALUE_CLIP, v_old + VALUE_CLIP)
        miss = jnp.maximum((v - target) ** 2, (clipped - target) ** 2) / 2
        return jnp.where(mask, miss - gain, 0).sum() / n

    def update(carry, x):
        policy, critic = carry
        part, rate = x
        state, mask = part[0], part[2]
        # Gradients with respect to the rows in use; the tables get them by one scatter each.
        slopes, v_slopes = jax.grad(loss, (0, 1))(log_ref[state] + policy[0][state], critic[0][state], part)
        at = jnp.where(mask, state, states)  # padding: beyond the end, dropped
        touched = jnp.zeros(states, bool).at[at].set(True, mode="drop")
        policy = adam(policy, jnp.zeros((states, A)).at[at].add(slopes, mode="drop"), touched, rate)
        critic = adam(critic, jnp.zeros(states).at[at].add(v_slopes, mode="drop"), touched, rate)
        return (policy, critic), None

    def rollout(carry, x):
        policy, critic = carry
        key, iteration = x
        key_prompt, key_token, *key_order = jax.random.split(key, 2 + EPOCHS)
        log_pi = jax.nn.log_softmax(log_ref + policy[0])
        cumulative = jnp.exp(log_pi).cumsum(1)

        def step(now, u):
            s, alive = now
            a = jnp.minimum((u[:, None] >= cumulative[s]).sum(1), A - 1)
            following = child[s, a]
            alive_next = alive & (following >= 0)
            return (jnp.where(alive_next, following, 0), alive_next), (s, a, alive)

        start = (jax.random.randint(key_prompt, (BATCH,), 0, PROMPTS), jnp.ones(BATCH, bool))
        _, (state, token, mask) = lax.scan(step, start, jax.random.uniform(key_token, (H, BATCH)), unroll=True)
        state, token, mask = state.T, token.T, mask.T
        old = jnp.where(mask, log_pi[state, token], 0)
        implicit = jnp.where(mask, BETA_1 * log_ratio[state, token], 0)
        reward = implicit - BETA_2 * jnp.where(mask, old - log_ref[state, token], 0)
        value = jnp.where(mask, critic[0][state], 0)
        delta = jnp.where(mask, reward - value + jnp.pad(value[:, 1:], ((0, 0), (0, 1))), 0)
        columns = [delta[:, H - 1]]
        for t in range(H - 2, -1, -1):
            columns.append(delta[:, t] + LAMBDA * columns[-1])
        advantage = jnp.stack(columns[::-1], 1)
        target = advantage + value
        n = mask.sum()
        mean = jnp.where(mask, advantage, 0).sum() / n
        variance = jnp.where(mask, (advantage - mean) ** 2, 0).sum() / n
        advantage = (advantage - mean) / jnp.sqrt(variance + WHITEN_EPSILON)

        order = jnp.concatenate([jax.random.permutation(k, BATCH) for k in key_order])
        parts = tuple(x[order].reshape(UPDATES, MINIBATCH * H) for x in (state, token, mask, old, advantage, value, target))
        rates = RATE * (1 - (iteration * UPDATES + jnp.arange(UPDATES)) / (ITERATIONS * UPDATES))
        carry, _ = lax.scan(update, carry, (parts, rates))
        return carry, implicit.sum() / BATCH

    @jax.jit
    def run(key):
        start = (adam_init((states, A)), adam_init((states,)))
        return lax.scan(rollout, start, (jax.random.split(key, ITERATIONS), jnp.arange(ITERATIONS)))[1]

    def timed(seed):
        return np.asarray(run(jax.random.PRNGKey(seed)))

    return timed, jax.__version__


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", nargs="+", choices=["numpy", "jax"])
    parser.add_argument("--runs", type=int, default=1, help="timed runs of 100 rollouts, after one that warms up")
    parser.add_argument("--x64", action="store_true", help="jax in float64")
    o = parser.parse_args()
    world = make_world(np.random.default_rng(1))
    for peer in o.peer:
        if peer == "numpy":
            version, precision = np.__version__, "float64"
            run = lambda seed: run_numpy(world, np.random.default_rng(seed))
        else:
            run, version = make_run_jax(world, o.x64)
            precision = "float64" if o.x64 else "float32"
        run(0)
        seconds, cpu = [], []
        for seed in range(1, o.runs + 1):
            start, start_cpu = time.perf_counter(), time.process_time()
            rewards = run(seed)
            seconds.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
        samples = ITERATIONS * BATCH
        print(json.dumps({"name": peer, "version": version, "precision": precision,
                          "samples_per_second": [samples / s for s in cpu],
                          "samples_per_wall_second": [samples / s for s in seconds],
                          "first_reward": float(rewards[0]), "last_reward": float(rewards[-1])}), flush=True)


if __name__ == "__main__":
    main()
