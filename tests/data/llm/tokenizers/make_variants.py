#!/usr/bin/env python3
"""Writes sentencepiece.json, a small SentencePiece-style tokenizer, and variants.json: what Hugging Face's tokenizers
give for small changes to the tokenizers of this folder. Needs the package tokenizers (0.23.3 made the files here).

usage: make_variants.py            in this folder
"""
import copy
import json
import random

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, trainers

random.seed(7)
SENTENCES = [
    "The policy gives every token a reward of its own.",
    "A reward model scores the whole answer; the tokens in between get nothing.",
    "Préférences: le café était déjà fermé à 10 h 30.",
    "Die größere Lösung überzeugt, weil sie kürzer ist.",
    "Предпочтения людей сравнивают два ответа.",
    "for (int i = 0; i < n; ++i) { total += weights[i]; }\n\treturn total;",
    "人は二つの答えを比べて、良い方を選ぶ。",
]


def train_sentencepiece():
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator(SENTENCES[:5], trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False, max_token_length=8))
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    d = json.loads(t.to_str())
    d["added_tokens"] = d["added_tokens"][:3]
    return d


def added(id, content, **flags):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}
    return {**token, **flags}


def bytes_step(**changes):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **changes}


def split(expression, behavior="Isolated", invert=False, literal=False):
    return {"type": "Split", "pattern": {"String" if literal else "Regex": expression}, "behavior": behavior,
            "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def cl100k(digits):
    return (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits +
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def variants(bases):
    byte_level, marks = bases["neox"], bases["sentencepiece"]
    top = len(byte_level["model"]["vocab"])
    flagged = byte_level["added_tokens"][:3] + [
        added(top, "<ls>", lstrip=True), added(top + 1, "<rs>", rstrip=True),
        added(top + 2, "<lr>", lstrip=True, rstrip=True, special=True), added(top + 3, "word", single_word=True),
        added(top + 4, "norm", single_word=True, normalized=True), added(top + 5, "e\u0301x", normalized=True),
        added(top + 6, "  ", rstrip=True), added(top + 7, "<ls><rs>", normalized=True, lstrip=True),
        added(top + 8, "two words"), added(top + 9, "\n\n", lstrip=True, normalized=True)]
    plain = bytes_step(use_regex=False)
    ways = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    yield "as it is", "neox", {}
    yield "added tokens", "neox", {"added_tokens": flagged, "normalizer": None}
    yield "added tokens, NFC", "neox", {"added_tokens": flagged}
    yield "added tokens, space before", "neox", {"added_tokens": flagged, "pre_tokenizer": bytes_step(add_prefix_space=True)}
    yield "NFKC and Replace", "neox", {"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": r"[a-e]{2,}"}, "content": "7"}]}}
    yield "NFD", "neox", {"normalizer": {"type": "NFD"}}
    for name, expression in {"Qwen 2": cl100k(r"\p{N}"), "Llama 3": cl100k(r"\p{N}{1,3}"), "any digits": cl100k(r"\p{N}+"),
                             "marks with letters": cl100k(r"\p{N}").replace(r"?\p{L}+", r"?[\p{L}\p{M}]+"),
                             "o200k": O200K}.items():
        yield name, "neox", {"pre_tokenizer": sequence(split(expression), plain)}
    yield "dolma2", "neox", {"pre_tokenizer": sequence(split(cl100k(r"\p{N}{1,3}"), "Removed", True), plain)}
    yield "DeepSeek", "neox", {"pre_tokenizer": sequence(
        split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u0e00-\u9fa5]+"),
        split(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
              r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), plain)}
    yield "StarCoder", "neox", {"pre_tokenizer": sequence({"type": "Digits", "individual_digits": True}, bytes_step())}
    yield "digits together", "neox", {"pre_tokenizer": sequence({"type": "Digits", "individual_digits": False},
                                                                bytes_step(add_prefix_space=True))}
    for way in ways:
        for invert in [False, True]:
            yield f"words, {way}, {invert}", "neox", {"pre_tokenizer": sequence(split(r"\w+", way, invert), plain)}
        yield f"e, {way}", "neox", {"pre_tokenizer": sequence(split("e", way, literal=True), plain)}
        yield f"not a line end, {way}", "neox", {"pre_tokenizer": sequence(split(r"[^\S\r\n]+|[a-z]+", way), plain)}
    yield "whole words first", "llama3", {"model": {**bases["llama3"]["model"], "ignore_merges": True}}
    yield "template of two", "llama3", {"post_processor": {"type": "Sequence", "processors": [
        bytes_step(), {"type": "TemplateProcessing",
                       "single": [{"SpecialToken": {"id": "b", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                  {"SpecialToken": {"id": "e", "type_id": 0}}],
                       "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                       "special_tokens": {"b": {"id": "b", "ids": [1, 1], "tokens": ["<|bos|>", "<|bos|>"]},
                                          "e": {"id": "e", "ids": [2], "tokens": ["<|eos|>"]}}}]}}
    yield "marks", "sentencepiece", {}
    yield "marks, added tokens", "sentencepiece", {"added_tokens": marks["added_tokens"] + [
        added(420, "<ls>", lstrip=True), added(421, "<rs>", rstrip=True), added(422, "norm", normalized=True)]}
    for scheme in ["always", "first", "never"]:
        for apart in [True, False]:
            step = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": apart}
            yield f"Metaspace {scheme}, {apart}", "sentencepiece", {"normalizer": None, "pre_tokenizer": step, "decoder": step}
    yield "Gemma", "sentencepiece", {
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        "pre_tokenizer": split(" ", "MergedWithPrevious", literal=True),
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}}
    yield "no decoder", "sentencepiece", {"decoder": None}
    yield "strip at both ends", "sentencepiece", {"decoder": {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 2, "stop": 1}]}}
    model = marks["model"]
    yield "unknown, each", "sentencepiece", {"model": {**model, "byte_fallback": False, "fuse_unk": False}}
    yield "unknown, fused", "sentencepiece", {"model": {**model, "byte_fallback": False}}
    yield "unknown, dropped", "sentencepiece", {"model": {**model, "byte_fallback": False, "unk_token": None}}
    vocabulary = dict(model["vocab"])
    for byte in ["<0xE4>", "<0xF0>"]:
        id = vocabulary.pop(byte)
        vocabulary[f"unused {id}"] = id
    yield "some bytes missing", "sentencepiece", {"model": {**model, "vocab": vocabulary}}


PIECES = [
    list("abcdeilnorstuw"), list("ABEMRST'\u2019.,;:!?-_()[]{}<>|/\\\"#"), list(" \t\n\r\u00a0\u2003\u3000\u180e\u0085\u2028"),
    list("0123456789\u0663\u00bd\u00b2\u2167"), list("\u00e9\u00fc\u00df\u017f\u0130\u01c5\ufb01\u212b\u2126"),
    list("\u0301\u0316\u0323\u0344\u0345\u09fe\u05b0\u064b\u3099ae"), list("\u0440\u0438\u0424\u03c9\u0391\u05d0\u0639"),
    list("\u1100\u1161\u11a8\uac00\u4eba\u306f\u304b\u3002\u0e01\u0e33\u0928\u093c\u094d"),
    list("\U0001f600\U0001f468\u200d\U0001f3fd\ufe0f\U00010400\U0001d15e\ufffd\ufeff\U0010ffff"), list("\0\x01\x1f\x7f\x0b\x0c"),
    ["'s", "'S", "'re", "'LL", "'\u017f", " '", "n't"], ["  ", "   ", "    ", " " * 9, "\r\n", "\n\n", " \n "],
    ["<|bos|>", "<|eos|>", "<|im_start|>", "<s>", "</s>", "<unk>", "<0x0A>", "<|im", "\u2581", "\u2581\u2581", "\u0120"],
    ["<ls>", "<rs>", "<lr>", "word", "norm", "e\u0301x", "<ls><rs>", "two words", " word ", " norm."],
    ["the ", " of", " reward", "tokens", " for", "return", "policy", "café"],
]


def random_text():
    chosen = random.sample(PIECES, random.choice([1, 2, 3, 4]))
    parts = []
    for _ in range(random.choice([1, 2, 4, 8, 14])):
        parts.append(random.choice(random.choice(chosen)) * random.choice([1, 1, 1, 1, 2, 3]))
    return "".join(parts)


def main():
    bases = {name: json.load(open(f"{name}.json")) for name in ["neox", "llama3"]}
    bases["sentencepiece"] = train_sentencepiece()
    with open("sentencepiece.json", "w") as out:
        json.dump(bases["sentencepiece"], out)
        out.write("\n")
    result = []
    for name, base, changes in variants(bases):
        t = Tokenizer.from_str(json.dumps({**copy.deepcopy(bases[base]), **changes}))
        cases = []
        for text in ["", *(random_text() for _ in range(9))]:
            ids = t.encode(text, add_special_tokens=False).ids
            soup = ids if random.random() < 0.5 else random.choices(range(t.get_vocab_size()), k=random.randrange(1, 9))
            try:
                decoded = [t.decode(soup, skip_special_tokens=skip) for skip in [False, True]]
            except BaseException:  # Strip panics on a text that is shorter than what it may take
                continue
            cases.append({"text": text, "ids": ids, "ids_with_special": t.encode(text).ids, "decode": soup,
                          "decoded": decoded[0], "decoded_without_special": decoded[1]})
        result.append({"name": name, "base": base, "changes": changes, "cases": cases})
    with open("variants.json", "w") as out:
        out.write('{"made_with": "tokenizers %s", "variants": [\n' % tokenizers.__version__)
        out.write(",\n".join(json.dumps(v) for v in result))
        out.write("\n]}\n")


if __name__ == "__main__":
    main()
