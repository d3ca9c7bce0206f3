#!/usr/bin/env python3
"""Renders chat templates with Python's Jinja2 as transformers does and writes what comes out.

usage: generate.py [FOLDER]     (FOLDER/*.jinja -> FOLDER/expected.json.gz, FOLDER/expressions.json -> expected_expressions.json)
"""
import datetime
import functools
import gzip
import json
import pathlib
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2025, 3, 9, 8, 7, 6)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


class Generation(jinja2.ext.Extension):
    """{% generation %}: notes what its body rendered; positions are found by marks that no template writes."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("mark"), [], [], body).set_lineno(line)

    def mark(self, caller):
        return "\ue000" + caller() + "\ue001"


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def spans(marked):
    """The text without marks, and the byte ranges between them."""
    text, found, begin = b"", [], 0
    for c in marked:
        if c == "\ue000":
            begin = len(text)
        elif c == "\ue001":
            if len(text) > begin:
                found.append([begin, len(text)])
        else:
            text += c.encode()
    return text.decode(), found


ENVIRONMENT = environment()


@functools.lru_cache
def compiled(source):
    return ENVIRONMENT.from_string(source)


def render(source, variables):
    try:
        text, found = spans(compiled(source).render(**variables))
    except Exception as error:  # whatever Jinja or Python says
        return {"error": f"{type(error).__name__}: {error}"[:160]}
    return {"text": text, **({"generated": found} if found else {})}


USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "Four."}
SYSTEM = {"role": "system", "content": "You are terse."}
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city — now, or for the \"next\" days.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "Name, like Zürich"},
        "days": {"type": "integer", "default": 1, "minimum": 1.5e-7, "maximum": 1e16},
        "units": {"type": "string", "enum": ["C", "F"]},
        "hours": {"type": "array", "items": {"type": "integer"}}}, "required": ["city"]}}},
    {"type": "function", "function": {"name": "stop", "description": " Stops. ", "parameters": {
        "type": "object", "properties": {}, "required": []}}}]
CALL = {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {
    "name": "get_weather", "arguments": {"city": "Zürich", "days": 2, "deep": {"a": [1, 2.5, None, True]}}}}]}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefghi", "content": "{\"celsius\": 21.5}"}

CONVERSATIONS = {
    "one": [USER],
    "system": [SYSTEM, USER],
    "turns": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And 3 + 3?"}],
    "answered": [USER, ANSWER, {"role": "user", "content": "And\n3 + 3?\n"}, {"role": "assistant", "content": " Six.\n\n"}],
    "empty": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    "spaces": [{"role": "system", "content": " \n a \t"}, {"role": "user", "content": "\u00a0x\u3000\n"},
               {"role": "assistant", "content": "\n\n y"}],
    "unicode": [{"role": "user", "content": "Grüße, 世界! 👩‍🚀 \u0041\u030a <|im_end|> {{ x }} {% y %}"},
                {"role": "assistant", "content": "ß İ Σ \u2028 '\"\\"}],
    "only system": [SYSTEM],
    "two users": [USER, USER],
    "assistant first": [ANSWER, USER],
    "other role": [USER, {"role": "critic", "content": "no"}],
    "thinking": [USER, {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\nFour."},
                 {"role": "user", "content": "And 3?"}, {"role": "assistant", "content": "<think>hm</think>Three."}],
    "reasoning": [USER, {"role": "assistant", "content": "Four.", "reasoning_content": "\nI add.\n"}],
    "tool call": [SYSTEM, USER, CALL, RESULT, {"role": "assistant", "content": "21.5 °C."}],
    "two calls": [USER, {"role": "assistant", "content": None, "tool_calls": CALL["tool_calls"] * 2}, RESULT, RESULT],
    "call as text": [USER, {"role": "assistant", "content": "Let me see.", "tool_calls": [{"id": "123456789",
                     "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "text", "text": "here"}]}],
    "no content": [USER, {"role": "assistant"}],
    "none": [],
}
SETTINGS = [
    {"add_generation_prompt": False, "tools": None},
    {"add_generation_prompt": True, "tools": None},
    {"add_generation_prompt": True, "tools": TOOLS},
    {"add_generation_prompt": True, "tools": None, "enable_thinking": False, "date_string": "1 Jan 2000",
     "thinking": True},
    {"add_generation_prompt": False, "tools": TOOLS, "tools_in_user_message": False,
     "builtin_tools": ["code_interpreter", "get_weather"]},
]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    cases = []
    for file in sorted(folder.glob("*.jinja")):
        for name, messages in CONVERSATIONS.items():
            for k, setting in enumerate(SETTINGS):
                variables = {**TOKENS, "messages": messages, "documents": None, **setting}
                cases.append({"template": file.stem, "conversation": name, "setting": k,
                              **render(file.read_text(), variables)})
    document = {"jinja2": jinja2.__version__, "tokens": TOKENS, "conversations": CONVERSATIONS, "settings": SETTINGS,
                "cases": cases}
    text = json.dumps(document, ensure_ascii=False, indent=0) + "\n"
    (folder / "expected.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    if (folder / "expressions.json").exists():
        variables = json.loads((folder / "expressions.json").read_text())["variables"]
        sources = json.loads((folder / "expressions.json").read_text())["templates"]
        cases = [{"template": source, **render(source, {**TOKENS, **variables})} for source in sources]
        (folder / "expected_expressions.json").write_text(
            json.dumps({"jinja2": jinja2.__version__, "variables": {**TOKENS, **variables}, "cases": cases},
                       ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main()
