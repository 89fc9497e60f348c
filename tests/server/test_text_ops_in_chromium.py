"""The ops that a browser runs before a text module's model: each held against the table of ops on NumPy."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from arrays.all_cases import CASES
from golden import cases
from serving import serving
from test_pages_in_chromium import browser, opened

import tf1hub as hub
from tf1hub.arrays.kernels import kernel_of
from tf1hub.arrays.op_attributes import attributes_of
from tf1hub.errors import UnsupportedGraphError
from tf1hub.format.messages_pb2 import NodeDef
from tf1hub.graphdef.op_record import recorded_definition
from tf1hub.server import text_program as written

__all__ = ["browser"]
SCRIPT = Path(written.__file__).parent / "static" / "text.js"
TEXTS = np.array(
    ["", "a cat", "  A  Cat\tsat ", "Füße, don't!", "word " * 30, "x" * 17, "ein Satz von 40 Zeichen ist so lang ....", "日本語 です"],
    object,
)  # fmt: skip
WORDS = np.array([text.encode() for text in TEXTS], object)
OF_STRINGS = [
    *((kind, [WORDS], {"encoding": encoding}) for kind in ("StringLower", "StringUpper") for encoding in ("", "utf-8")),
    ("StringStrip", [WORDS], {}),
    *(("StringLength", [WORDS], {"unit": unit}) for unit in ("BYTE", "UTF8_CHAR")),
    ("StringJoin", [WORDS, np.array(b"!", object), WORDS], {"separator": "_"}),
    *(("StringSplit", [WORDS, np.array(mark, object)], {"skip_empty": skip})
      for mark in (b" ", b"", b" \t,") for skip in (True, False)),
    *(("StringSplitV2", [WORDS, np.array(mark, object)], {"maxsplit": -1}) for mark in (b"", b" ", b"Cat")),
    ("StringToHashBucketFast", [WORDS], {"num_buckets": 1_000_003}),
    ("StringToHashBucketStrong", [WORDS], {"num_buckets": 997, "key": [17, -42]}),
    ("Substr", [WORDS[1:], np.array(1), np.array(3)], {"unit": "BYTE"}),
    ("Substr", [WORDS[1:], np.array(-3), np.array(2)], {"unit": "UTF8_CHAR"}),
    *(("StaticRegexReplace", [WORDS], {"pattern": pattern, "rewrite": rewrite, "replace_global": everywhere})
      for pattern, rewrite in ((r"[^\w\s]", ""), (r"([,.!?])", r" \1 "), (r"[^\pL\s\d']", ""), ("x*", "-"), (r"\s+$", "."),
                               (r"^$", "empty"), ("(?i)CAT|[[:upper:]]", r"<\0>"), (r"\pP", r"\\"))
      for everywhere in (True, False)),
    *(("StaticRegexFullMatch", [WORDS], {"pattern": pattern}) for pattern in (r"a.*", r"(?s).*", r"[^ ]{1,17}")),
]  # fmt: skip
RUN = """async (asked) => {
    const { OPS } = await import("/static/text.js");
    return asked.map(({ op, attributes, inputs }) => {
        try {
            return OPS[op](attributes, ...inputs);
        } catch (error) {
            return error.elsewhere ? null : String(error);
        }
    });
}"""
PREPARE = """async ([program, texts]) => {
    const { prepare, arrayOf, bytesOf } = await import("/static/text.js");
    return prepare(program)({ default: arrayOf(texts, bytesOf) });
}"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("models")) as served, opened(browser, served, "/") as found:
        yield found


def test_the_server_knows_what_the_script_computes():
    listed = SCRIPT.read_text().partition("export const OPS = {")[2].partition("\n};")[0]
    assert frozenset(re.findall(r"^  (\w+):", listed, re.MULTILINE)) == written.OPS


def cases_of_numbers():
    for kind in sorted(written.OPS):
        for case in CASES.get(kind, ()):
            inputs = [
                part
                for value in case.inputs.values()
                for part in (value if isinstance(value, list) else [value])
            ]
            dtypes = {part.dtype.name for part in inputs} | {np.dtype(case.attributes.get("DstT", "i4")).name}
            if dtypes <= {"bool", "int32", "int64", "float64"}:
                yield kind, inputs, case.attributes


def same(mine, its):
    return mine == its or np.array_equal(mine, its, equal_nan=bool(its) and isinstance(its[0], float))


def test_each_op_is_the_one_of_the_table(page):
    asked, expected = [], []
    for kind, inputs, given in [*OF_STRINGS, *cases_of_numbers()]:
        attributes = {**attributes_of(NodeDef(op=kind), recorded_definition(kind)), **given}
        with np.errstate(all="ignore"):
            expected.append(kernel_of(kind).function(np, attributes, *inputs))
        asked.append({
            "op": kind,
            "attributes": written.attributes_for_browsers(kind, attributes),
            "inputs": [written.array_for_browsers(value) for value in inputs],
        })  # fmt: skip
    wrong, refused = {}, set()
    for case, found, wanted in zip(asked, page.evaluate(RUN, asked), expected, strict=True):
        wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
        if found is None:
            refused.add(case["op"])
            continue
        for mine, its in zip(found, wanted, strict=False):
            as_told = written.array_for_browsers(its)
            if isinstance(mine, str):
                wrong.setdefault(case["op"], (case, found))
            elif mine["shape"] != as_told["shape"] or not same(mine["data"], as_told["data"]):
                wrong.setdefault(case["op"], (case, mine, as_told))
    assert wrong == {}
    # What the script does not do it says, and the server is asked.
    assert refused <= {"GatherV2"}
    assert len(asked) > 200


@pytest.mark.parametrize("name", ["text_embedding_partitioned", "launch_text"])
def test_programs_of_modules_give_what_the_host_part_gives(page, tmp_path, name):
    from tf1hub.onnx.host_file import SUFFIX, read_host
    from tf1hub.onnx.model_ports import name_of
    from tf1hub.onnx.model_runner import HostPart

    path = str(tmp_path / "model.onnx")
    hub.convert(cases.load(name).path, path, to="onnx", progress="none")
    program, ports = written.text_program(path), written.ports_of(path)
    host = HostPart(read_host(path + SUFFIX, str(tmp_path)), ports)
    given = {port.tensor: WORDS for port in ports.fed}
    host.run_before(given)
    found = page.evaluate(PREPARE, [program, TEXTS.tolist()])
    assert list(found) == [port.name for port in ports.inputs]
    for port in ports.inputs:
        assert found[port.name] == written.array_for_browsers(given[port.tensor]), name_of(port.tensor)


def test_what_a_browser_does_not_have_is_refused():
    message = r"^The regular expression '\(\?m\)\^a\$' has no counterpart in a browser\.$"
    with pytest.raises(UnsupportedGraphError, match=message):
        written.pattern_for_browsers("(?m)^a$")
