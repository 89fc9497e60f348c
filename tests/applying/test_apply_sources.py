"""hub.apply from every kind of source: the numbers of a call, keys carried along, rows at fault told. No TensorFlow."""

from __future__ import annotations

import gzip
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import cases

import tf1hub as hub
from tf1hub.errors import ArgumentError, InputError

pa = pytest.importorskip("pyarrow")
from applying.sources import IDS, ROWS, TEXTS, VECTORS, apply, framed, read, record, write  # noqa: E402

TEXT = cases.load("text_embedding").path
FOUR = cases.load("tiny_tf16").path
IMAGE = cases.load("image").path


@pytest.fixture(scope="module")
def embedded() -> Any:
    return hub.Predictor(TEXT, engine="numpy", batch_size=64)(TEXTS)["default"]


def array(table: Any, name: str = "default") -> Any:
    return np.array(table.column(name).to_pylist(), np.float32)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "tfrecord", "npz"])
def test_texts_of_tables(kind: str, tmp_path: Path, embedded: Any) -> None:
    done = apply(TEXT, write(kind, tmp_path), tmp_path / "out", columns="text", keep=["id"], part_rows=256)
    assert (done.rows, done.errors, done.resumed, done.parts, done.batch_size) == (ROWS, 0, 0, 4, 64)
    table = read(tmp_path / "out")
    np.testing.assert_array_equal(array(table), embedded)
    ids = [key.decode() if isinstance(key, bytes) else key for key in table.column("id").to_pylist()]
    assert ids == IDS
    assert pa.types.is_fixed_size_list(table.schema.field("default").type)
    assert table.column_names == ["id", "default", "error"]
    assert table.column("error").null_count == ROWS


def test_a_text_in_each_line(tmp_path: Path, embedded: Any) -> None:
    source = write("text", tmp_path)
    done = apply(TEXT, source, tmp_path / "out.npy")
    assert done.parts == 1
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), embedded)
    # Compressed, and in two files.
    packed = tmp_path / "b.txt.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    apply(TEXT, [source, packed], tmp_path / "twice.npy", part_rows=512)
    np.testing.assert_array_equal(np.load(tmp_path / "twice.npy"), np.concatenate([embedded] * 2))


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "tfrecord", "npz", "npy"])
def test_vectors(kind: str, tmp_path: Path) -> None:
    wanted = hub.Predictor(FOUR, engine="numpy", batch_size=64)(VECTORS)["default"]
    columns = {"csv": {"default": ["v0", "v1", "v2", "v3"]}, "npy": None}.get(kind, "vector")
    apply(FOUR, write(kind, tmp_path), tmp_path / "out.parquet", columns=columns)
    np.testing.assert_array_equal(array(read(tmp_path / "out.parquet")), wanted)


def test_a_folder_and_a_pattern(tmp_path: Path, embedded: Any) -> None:
    for number, rows in enumerate([slice(0, 600), slice(600, None)]):
        write("parquet", tmp_path, rows).rename(tmp_path / f"{number}.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "notes.md").touch()
    outside = tmp_path.parent / f"{tmp_path.name}-out"
    for name, source in (
        ("a", tmp_path),
        ("b", str(tmp_path / "*.parquet")),
        ("c", [tmp_path / "0.parquet", tmp_path / "1.parquet"]),
    ):
        apply(TEXT, source, outside / name, columns="text")
        np.testing.assert_array_equal(array(read(outside / name)), embedded)


def _image(color: tuple[int, int, int], kind: str = "PNG") -> bytes:
    image = pytest.importorskip("PIL.Image").new("RGB", (20, 30), color)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_folders_of_images(tmp_path: Path) -> None:
    colors = [(number, 255 - number, 7) for number in range(100)]
    folder = tmp_path / "images"
    for number, color in enumerate(colors):
        path = folder / f"class{number % 2}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_image(color))
    (folder / "class0" / "050.png").write_bytes(b"no image")
    done = apply(IMAGE, folder, tmp_path / "out.parquet", batch_size=8)
    assert (done.rows, done.errors) == (100, 1)
    table = read(tmp_path / "out.parquet").to_pydict()
    order = sorted(range(100), key=lambda number: (number % 2, number))
    assert table["name"] == [f"class{number % 2}/{number:03}.png" for number in order]
    wanted = hub.Predictor(IMAGE, engine="numpy", decode="image")(
        [_image(colors[number]) for number in order]
    )
    for row, number in enumerate(order):
        if number == 50:
            assert np.isnan(table["default"][row]).all()
            assert table["error"][row].startswith("It cannot be decoded: UnidentifiedImageError")
        else:
            np.testing.assert_allclose(table["default"][row], wanted["default"][row], rtol=1e-4, atol=1e-5)


def test_a_remote_source_and_target(tmp_path: Path, embedded: Any) -> None:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    before = set(files.ls("/", detail=False))
    for number, rows in enumerate([slice(0, 600), slice(600, None)]):
        files.pipe(f"/rows/{number}.parquet", write("parquet", tmp_path, rows).read_bytes())
    apply(TEXT, "memory://rows/*.parquet", "memory://out", columns="text", part_rows=512)
    files.get("/out", str(tmp_path / "out"), recursive=True)
    np.testing.assert_array_equal(array(read(tmp_path / "out")), embedded)
    apply(TEXT, "memory://rows", "memory://one.parquet", columns="text", part_rows=512)
    files.get("/one.parquet", str(tmp_path / "one.parquet"))
    np.testing.assert_array_equal(array(read(tmp_path / "one.parquet")), embedded)
    assert sorted(set(files.ls("/", detail=False)) - before) == ["/one.parquet", "/out", "/rows"]
    for path in ("/one.parquet", "/out", "/rows"):
        files.rm(path, recursive=True)


def test_lines_and_records_that_are_none(tmp_path: Path) -> None:
    lines = write("jsonl", tmp_path).read_text().splitlines()
    lines[3], lines[7], lines[600] = "{", "[1]", '{"id": 5, "text": "a"}'
    lines[9] = "[" * 100_000
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    done = apply(TEXT, tmp_path / "rows.jsonl", tmp_path / "out", columns="text", keep=["id"])
    errors = {
        row: said for row, said in enumerate(read(tmp_path / "out").column("error").to_pylist()) if said
    }
    assert done.errors == 4
    assert errors.pop(9) == "Line 10 is no JSON: it is nested too deeply"
    assert errors == {
        3: "Line 4 is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        7: "Line 8 is list, not an object",
        600: "Line 601: 'id' is string in the first lines, and here it is 5.",
    }
    records = [record(*each) for each in zip(IDS, TEXTS, VECTORS, strict=True)]
    records[5] = framed(b"\x07")
    (tmp_path / "rows.tfrecord").write_bytes(b"".join(records))
    done = apply(TEXT, tmp_path / "rows.tfrecord", tmp_path / "out2", columns="text")
    assert done.errors == 1
    assert (
        read(tmp_path / "out2").column("error").to_pylist()[5].startswith("Record 5 is no tf.train.Example: ")
    )


def test_a_number_that_is_none_in_csv(tmp_path: Path) -> None:
    lines = write("csv", tmp_path).read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0] + ",much"
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    apply(FOUR, tmp_path / "rows.csv", tmp_path / "out", columns={"default": ["v0", "v1", "v2", "v3"]})
    assert (
        read(tmp_path / "out").column("error").to_pylist()[2]
        == "The column 'v3' has 'much' where a number goes."
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-1], "ends within the record at byte "),
        (lambda data: data[:30] + b"!" + data[31:], "is damaged: the checksum of the record at byte 0 is wrong."),
        (lambda data: b"!" + data[1:], "is no TFRecord file, or damaged at byte 0."),
    ],
)  # fmt: skip
def test_damaged_records(tmp_path: Path, spoil: Any, message: str) -> None:
    path = write("tfrecord", tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        apply(TEXT, path, tmp_path / "out", columns="text")


def test_records_are_those_of_tensorflow(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    path = str(tmp_path / "theirs.tfrecord.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for number in range(10):
            features = {"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"word {number}".encode()])),
                        "n": tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))}  # fmt: skip
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    apply(TEXT, path, tmp_path / "out", columns="text")
    assert read(tmp_path / "out").column("n").to_pylist() == [*range(10)]


def test_what_cannot_be_a_source(tmp_path: Path) -> None:
    out = tmp_path.parent / f"{tmp_path.name}-out"
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.txt").write_text("x\n")
    with pytest.raises(InputError, match=r"^There is nothing at the source '/nowhere\.csv'\.$"):
        apply(TEXT, "/nowhere.csv", out)
    with pytest.raises(
        InputError, match=r"^The source has files of several kinds: csv \(.*\), text \(.*\)\. Give those"
    ):
        apply(TEXT, tmp_path, out)
    with pytest.raises(InputError, match="No file is called as the source"):
        apply(TEXT, str(tmp_path / "*.parquet"), out)
    with pytest.raises(InputError, match=r"has no file whose name ends as one of a source: \.parquet"):
        apply(TEXT, Path(__file__), out)
    (tmp_path / "empty.txt").touch()
    with pytest.raises(InputError, match="has no rows"):
        apply(TEXT, tmp_path / "empty.txt", out)
    shutil.copy(tmp_path / "b.txt", tmp_path / "lines")
    assert apply(TEXT, tmp_path / "lines", out, kind="text").rows == 1


def test_columns_that_are_not_clear(tmp_path: Path) -> None:
    source = write("parquet", tmp_path)
    with pytest.raises(ArgumentError) as caught:
        apply(TEXT, source, tmp_path / "out")
    assert str(caught.value) == (
        "No column is chosen for the input 'default'. The inputs are 'default': string [?]; the columns of the source are 'id', "
        "'text', 'vector'. Say which is which: columns={'default': 'id'}."
    )
    with pytest.raises(ArgumentError, match=r"^The source has no column 'txt'\."):
        apply(TEXT, source, tmp_path / "out", columns="txt")
    with pytest.raises(
        ArgumentError, match=r"keep= names what is no column: 'key'\. The columns are 'id', 'text', 'vector'"
    ):
        apply(TEXT, source, tmp_path / "out", columns="text", keep=["key"])
    with pytest.raises(
        InputError, match=r"The column 'vector' is fixed_size_list.*; the input 'default' takes string"
    ):
        apply(TEXT, source, tmp_path / "out", columns="vector")
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")
    with pytest.raises(ArgumentError, match=r"^The source has several columns of one name: 'a'\.$"):
        apply(TEXT, tmp_path / "twice.csv", tmp_path / "out", columns="a")
    assert not (tmp_path / "out").exists()


def test_a_block_holds_what_its_rows_become() -> None:
    from tf1hub.applying.blocks import Piece, rows_of_a_block

    predictor = hub.Predictor(IMAGE, engine="numpy")
    infos = [*predictor.inputs.values(), *predictor.outputs.values()]
    files = pa.table({"image": pa.array([bytes(100)] * 64, pa.large_binary())})
    # 16 x 16 x 3 numbers of 4 bytes, and 16 outputs, for each file of 100 bytes.
    assert rows_of_a_block(Piece(files), infos) == 4096
    assert rows_of_a_block(Piece(files), []) == 8192
    assert rows_of_a_block(Piece(pa.table({"x": pa.array([bytes(1 << 25)])})), []) == 1
