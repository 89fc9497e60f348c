"""`tf1hub.draw`: a module's graph as a picture by its scopes."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest
import tensorflow as tf
from golden import cases

import tf1hub as hub
from tf1hub.cli.main import main
from tf1hub.drawing.box import MANY, SCOPE, SIGNATURES
from tf1hub.drawing.graph_picture import GraphPicture
from tf1hub.drawing.layers import GAP_ACROSS, in_order, place
from tf1hub.drawing.scope_tree import read_tree
from tf1hub.format.messages_pb2 import SavedModel
from tf1hub.format.tensor_names import node_of
from tf1hub.spec.variant import Variant

tf1 = tf.compat.v1
SVG = "{http://www.w3.org/2000/svg}"


def variants():
    for name in cases.NAMES:
        spec = hub.load_module_spec(cases.load(name).path)
        for tags in spec.get_tags():
            yield pytest.param(spec.variant(tags), id=f"{name}-{'-'.join(sorted(tags))}")


def rectangles(svg: str):
    """The boxes of each group, as (left, top, right, bottom), and their titles."""
    groups = []

    def visit(element, x, y):
        found = []
        for child in element:
            if child.tag != f"{SVG}g":
                continue
            move = re.match(r"translate\((-?\d+) (-?\d+)\)", child.get("transform", "translate(0 0)"))
            left, top = x + int(move[1]), y + int(move[2])
            holder = (
                child.find(f"{SVG}a")
                if child.find(f"{SVG}a") is not None and child.get("class") is None
                else child
            )
            outlines = holder.findall(f"{SVG}rect")
            if outlines:
                width, height = float(outlines[-1].get("width")), float(outlines[-1].get("height"))
                if child.get("class", "").startswith("open"):
                    width, height = float(outlines[0].get("width")), float(outlines[0].get("height"))
                found.append((left, top, left + width, top + height))
            visit(child, left, top)
        groups.append(found)

    visit(ElementTree.fromstring(svg), 0, 0)
    return groups


@pytest.mark.parametrize("variant", list(variants()))
def test_what_is_drawn_is_what_tensorflow_cuts_out_for_the_outputs(variant):
    drawn: set[str] = set()
    for name in variant.signature_names:
        given = {node_of(tensor) for info in variant.inputs(name).values() for tensor in info.tensor_names}
        outputs = {node_of(tensor) for info in variant.outputs(name).values() for tensor in info.tensor_names}
        graph = tf1.GraphDef.FromString(variant.meta_graph.graph_def.SerializeToString())
        for node in graph.node:
            node.attr.pop("_class", None)  # TensorFlow keeps what a node only wants to be near
            if node.name in given:
                del node.input[:]
        wanted = [*outputs, *map(node_of, variant.collection("update_ops"))]
        drawn |= {node.name for node in tf1.graph_util.extract_sub_graph(graph, wanted).node} - given
    assert read_tree(variant, variant.signature_names).drawn == len(drawn)


@pytest.mark.parametrize("variant", list(variants()))
def test_each_op_is_in_one_box_and_no_two_boxes_overlap(variant):
    picture = hub.draw(hub.ModuleSpec(SavedModel(meta_graphs=[variant.meta_graph]), "module"), variant.tags)
    everything = picture.to_fragment(picture.scopes)
    titles = re.findall("<title>(.*?)</title>", everything)
    tree = read_tree(variant, variant.signature_names).root
    ops = sorted(box.key for box in tree.walk() if box.kind not in (SCOPE, SIGNATURES))
    scopes = sorted(box.key.rstrip("/") for box in tree.walk() if box.kind == SCOPE and box.key)
    signatures = [title for title in titles if title.startswith(("takes:", "gives:"))]
    assert sorted(title.split(",")[0] for title in titles if title not in signatures) == sorted(ops + scopes)
    width, height = (int(each) - 16 for each in re.findall(r'viewBox="-16 -16 (\d+) (\d+)"', everything)[0])
    for boxes in rectangles(everything):
        assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height for box in boxes)
        for number, (left, top, right, bottom) in enumerate(boxes):
            for other in boxes[number + 1 :]:
                assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_signatures_are_the_entries():
    svg = hub.draw(cases.load("image").path).to_svg()
    assert "takes: default, image_classification, image_feature_vector" in svg
    assert "gives: image_feature_vector" in svg
    only = hub.draw(cases.load("image").path, signatures=["image_classification"]).to_svg()
    assert "gives: image_classification" in only
    assert "gives: image_feature_vector" not in only
    with pytest.raises(
        hub.errors.UnknownSignatureError,
        match=r"^No signature 'nothing' in variant \{\} of .*It has: default",
    ):
        hub.draw(cases.load("image").path, signatures=["nothing"])


def test_a_document_leads_to_every_scope_that_is_closed():
    picture = hub.draw(cases.load("lstm").path)
    root = ElementTree.fromstring(picture.to_svg())
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    links = {element.get("href").removeprefix("#") for element in root.iter(f"{SVG}a")}
    assert links <= ids
    assert ids - links <= {"s0"}
    every_title = {title.text.split(",")[0] for title in root.iter(f"{SVG}title")}
    needed = read_tree(hub.load_module_spec(cases.load("lstm").path).variant(), ["default", "tokens"]).root
    ops = {box.key for box in needed.walk() if box.kind not in (SCOPE, SIGNATURES)}
    assert ops <= every_title


def test_a_fragment_opens_what_it_is_asked_to():
    picture = hub.draw(cases.load("lstm").path)
    closed = picture.to_fragment([], lambda box, is_open: f"?{'close' if is_open else 'open'}={box.key}")
    assert 'href="?open=RNN_0/"' in closed
    opened = picture.to_fragment(
        ["RNN_0/"], lambda box, is_open: f"?{'close' if is_open else 'open'}={box.key}"
    )
    assert 'href="?close=RNN_0/"' in opened
    assert len(opened) > len(closed)
    assert picture.find_scopes(["RNN_?"]) == {"RNN_0/", "RNN_1/"}


def test_names_are_text_whatever_is_in_them():
    saved = SavedModel()
    variant = saved.meta_graphs.add()
    hostile = [
        "<script>alert(1)</script>",
        'x"onload="alert(1)',
        "\x00\x1b]0;",
        "a/" * 3000 + "end",
        "é/日本/\ufffe",
    ]
    for name in hostile:
        node = variant.graph_def.node.add(name=name, op="<b>&")
        node.input.extend(variant.graph_def.node[-2].name for _ in [0] if len(variant.graph_def.node) > 1)
    signature = variant.signature_def["<i>"]
    signature.outputs["</svg>"].name = hostile[-1] + ":0"
    picture = GraphPicture(Variant(variant, "<u>"))
    for svg in (picture.to_svg(), picture.to_fragment(picture.scopes)):
        tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
        assert tags <= {"svg", "style", "g", "a", "path", "rect", "text", "tspan", "title"}
        attributes = {key for element in ElementTree.fromstring(svg).iter() for key in element.keys()}  # noqa: SIM118
        assert not [key for key in attributes if key.startswith("on")]


def test_thousands_of_ops_in_one_scope_are_drawn_in_groups():
    variant = SavedModel().meta_graphs.add()
    for number in range(3000):
        node = variant.graph_def.node.add(name=f"op{number}", op="Relu")
        node.input.extend(f"op{before}" for before in {number - 1, number // 2} if 0 <= before < number)
    variant.signature_def["default"].outputs["default"].name = "op2999:0"
    picture = GraphPicture(Variant(variant, "chain"))
    tree = read_tree(Variant(variant, "chain"), ["default"])
    assert max(len(box.children) for box in tree.root.walk()) <= MANY + 1
    assert sum(box.kind == "op" for box in tree.root.walk()) == 3000
    assert picture.to_fragment(picture.first_opened).count("<title>") < 120


def test_loops_are_drawn_and_end():
    assert in_order("abc", [("a", "b"), ("b", "c"), ("c", "b")]) == ["a", "b", "c"]
    placed = place(dict.fromkeys("abc", (10.0, 10.0)), [("a", "b"), ("b", "c"), ("c", "b")])
    assert [placed.corners[each][1] for each in "abc"] == sorted(placed.corners[each][1] for each in "abc")
    assert [backwards for *_, backwards in placed.lines] == [False, False, True]


def test_boxes_of_a_layer_keep_their_distance():
    wide = dict.fromkeys("abcdef", (40.0, 10.0))
    placed = place(wide, [("a", each) for each in "bcdef"])
    lefts = sorted(placed.corners[each][0] for each in "bcdef")
    assert all(right - left >= 40 + GAP_ACROSS - 1e-6 for left, right in itertools.pairwise(lefts))
    assert placed.corners["a"][0] == pytest.approx(lefts[2])


def test_what_is_refused_is_marked():
    def module_fn():
        name = tf1.placeholder(tf.string, [])
        hub.add_signature(inputs=name, outputs=tf.io.read_file(name))

    svg = hub.draw(hub.create_module_spec(module_fn)).to_svg()
    assert 'class="op bad"' in svg
    assert "reads files" in svg


def test_show_writes_the_picture(tmp_path, capsys):
    file = tmp_path / "graph.svg"
    assert (
        main(["show", cases.load("image").path, "--graph", str(file), "--tags", "train", "--open", "block0"])
        == 0
    )
    assert capsys.readouterr().out.startswith(f"{file}: 60 ops in 11 scopes. 63 more are not drawn")
    root = ElementTree.parse(file).getroot()
    assert root.tag == f"{SVG}svg"
    assert "variant {'train'}" in root.get("aria-label")
