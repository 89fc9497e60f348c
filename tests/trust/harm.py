"""What a module might do to its user: each deed as nodes of a graph, and what a scan has to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.trust.graphs import FLOAT, INT32, INT64, STRING, Graph, Type

READS, WRITES, LISTS, NETWORK = "reads files", "writes files", "lists directories", "uses the network"
PYTHON, NATIVE, STOPS, UNKNOWN = "runs Python", "runs native code", "stops the process", "runs an unknown op"


@dataclass(frozen=True)
class Kit:
    """What the deeds are done to.

    Attributes:
        secret: a file that is nobody's business.
        out: a directory that nobody may write into.
        port: of loopback, to which nobody may connect.
    """

    secret: str
    out: str
    port: int

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"


Expected = list[tuple[str, str, str]]
"""What is done, where the target comes from, and the target."""


@dataclass(frozen=True)
class Deed:
    """One deed.

    Attributes:
        name: of the case.
        build: writes it; returns a node that has to run.
        expected: what a scan says of it.
        effect: what is seen of it where it is done: `"file"` in `out`, `"connection"`; empty for nothing that a test sees.
    """

    name: str
    build: Callable[[Graph, Kit], Any]
    expected: Callable[[Kit], Expected]
    effect: str = ""


def _one(can: str, target: Callable[[Kit], str], origin: str = "constant") -> Callable[[Kit], Expected]:
    return lambda kit: [(can, origin, target(kit))]


def _pathless(can: str) -> Callable[[Kit], Expected]:
    return lambda _: [(can, "", "")]


def _secret(kit: Kit) -> str:
    return kit.secret


def _file(kit: Kit) -> str:
    return f"{kit.out}/written"


SHAPES = {"output_types": [STRING], "output_shapes": [()]}


def _range(g: Graph) -> Any:
    one = [g.numbers(n) for n in (0, 1, 1)]
    return g("RangeDataset", *one, output_types=[INT64], output_shapes=[()])


def _texts(g: Graph) -> Any:
    return g("TensorDataset", g.text("x"), Toutput_types=[STRING], output_shapes=[()])


def _element(g: Graph, dataset: Any) -> Any:
    return g("DatasetToSingleElement", dataset, **SHAPES)


def _debug(op: str, scheme: str, **attrs: Any) -> Callable[[Graph, Kit], Any]:
    def build(g: Graph, kit: Kit) -> Any:
        url = f"grpc://{kit.address}" if scheme == "grpc" else f"file://{kit.out}"
        return g(op, g.text("x"), T=STRING, debug_urls=[url], **attrs)

    return build


def _grpc(kit: Kit) -> Expected:
    url = f"grpc://{kit.address}"
    return [(WRITES, "constant", url), (NETWORK, "constant", url)]


def _reads_many(op: str, *rest: Any, **attrs: Any) -> Callable[[Graph, Kit], Any]:
    def build(g: Graph, kit: Kit) -> Any:
        return _element(g, g(op, g.text(kit.secret), *(make(g) for make in rest), **attrs))

    return build


def _empty(g: Graph) -> Any:
    return g.text("")


def _zero(g: Graph) -> Any:
    return g.numbers(0)


def _reader(g: Graph, kit: Kit) -> Any:
    queue = g("FIFOQueueV2", component_types=[STRING], name="queue")
    fill = g("QueueEnqueueV2", queue, g.text(kit.secret), Tcomponents=[STRING])
    reader = g("WholeFileReaderV2")
    return g("ReaderReadV2", reader, queue, f"^{fill.node}")


def _saved(g: Graph, kit: Kit) -> Any:
    return g(
        "SaveV2",
        g.text(_file(kit)),
        g.text("a", "b"),
        g.text("", ""),
        g.text("x"),
        g.text("y"),
        dtypes=[STRING, STRING],
    )


def _checkpoint_merge(g: Graph, kit: Kit) -> Any:
    return g("MergeV2Checkpoints", g.text(kit.secret, kit.secret), g.text(_file(kit)))


def _sql(g: Graph, kit: Kit) -> Any:
    texts = [g.text(each) for each in ("sqlite", _file(kit), "SELECT 'x'")]
    return _element(g, g("SqlDataset", *texts, **SHAPES))


def _cache(g: Graph, kit: Kit) -> Any:
    return _element(g, g("CacheDataset", _texts(g), g.text(_file(kit)), **SHAPES))


def _snapshot(g: Graph, kit: Kit) -> Any:
    return _element(g, g("SnapshotDataset", _texts(g), g.text(f"{kit.out}/snapshot"), **SHAPES))


def _saved_dataset(g: Graph, kit: Kit) -> Any:
    shard = g.function("shard", lambda b: b.numbers(0), (("x", STRING),), INT64)
    path = g.text(f"{kit.out}/dataset")
    return g("SaveDataset", _texts(g), path, shard_func=shard, use_shard_func=False, Tshard_func_args=[])


def _loaded_dataset(g: Graph, kit: Kit) -> Any:
    reader = g.function("reader", lambda b: "x", (("x", Type(21)),), Type(21))
    return _element(
        g, g("LoadDataset", g.text(kit.secret), reader_func=reader, Treader_func_args=[], **SHAPES)
    )


def _data_service(g: Graph, kit: Kit) -> Any:
    texts = [g.text(each) for each in ("1", "parallel_epochs", kit.address, "grpc", "job")]
    numbers = [g.numbers(n) for n in (-1, -1, 16)]
    counter = g("DummyIterationCounter")
    uncompress = g.function("uncompress", lambda b: "x", (("x", Type(21)),), Type(21))
    return _element(
        g,
        g(
            "DataServiceDatasetV4",
            *texts,
            *numbers,
            counter,
            uncompress_fn=uncompress,
            uncompress=False,
            **SHAPES,
        ),
    )


def _registered(g: Graph, kit: Kit) -> Any:
    return g("RegisterDatasetV2", _texts(g), g.text(kit.address), g.text("grpc"), external_state_policy=0)


def _summary(g: Graph, kit: Kit) -> Any:
    writer = g("SummaryWriter", shared_name="w", container="")
    return g(
        "CreateSummaryFileWriter",
        writer,
        g.text(kit.out),
        g.numbers(1, kind=INT32),
        g.numbers(1, kind=INT32),
        g.text("v"),
    )


def _summary_db(g: Graph, kit: Kit) -> Any:
    writer = g("SummaryWriter", shared_name="w", container="")
    return g("CreateSummaryDbWriter", writer, *(g.text(each) for each in (_file(kit), "e", "r", "u")))


def _remote_call(g: Graph, kit: Kit) -> Any:
    called = g.function("called", lambda b: b.text("x"))
    return g("RemoteCall", g.text("/job:worker/task:0/device:CPU:0"), f=called, Tin=[], Tout=[STRING])


def _vocabulary(g: Graph, kit: Kit) -> Any:
    return g(
        "GenerateVocabRemapping", g.text(kit.secret), g.text(kit.secret), new_vocab_offset=0, num_new_vocab=1
    )


def _matrix(g: Graph, kit: Kit) -> Any:
    floats = g("Cast", g.numbers(0, vector=True), SrcT=INT64, DstT=FLOAT)
    rows, columns = g.numbers(0, vector=True), g.numbers(0, vector=True)
    return g(
        "LoadAndRemapMatrix", g.text(kit.secret), g.text("t"), rows, columns, floats, num_rows=1, num_cols=1
    )


def _unigrams(g: Graph, kit: Kit) -> Any:
    classes = g("Reshape", g.numbers(0), g.numbers(1, 1), T=INT64, Tshape=INT64)
    return g(
        "FixedUnigramCandidateSampler",
        classes,
        num_true=1,
        num_sampled=1,
        unique=False,
        range_max=1,
        vocab_file=kit.secret,
    )


def _proto(g: Graph, kit: Kit) -> Any:
    return g(
        "DecodeProtoV2",
        g.text("x"),
        message_type="M",
        field_names=[],
        output_types=[],
        descriptor_source=kit.secret,
    )


def _encoded_proto(g: Graph, kit: Kit) -> Any:
    sizes = g("Reshape", g.numbers(kind=INT32), g.numbers(1, 0), T=INT32, Tshape=INT64)
    return g(
        "EncodeProto", sizes, message_type="M", field_names=[], Tinput_types=[], descriptor_source=kit.secret
    )


def _device(**attrs: Any) -> dict[str, Any]:
    return {
        "tensor_name": "t",
        "send_device": "/job:a",
        "send_device_incarnation": 1,
        "recv_device": "/job:b",
        **attrs,
    }


def _joined(g: Graph, kit: Kit) -> Any:
    head, _, tail = kit.secret.rpartition("/")
    return g("ReadFile", g("StringJoin", g.text(head), g.text(tail), N=2, separator="/"))


def _decoded(g: Graph, kit: Kit) -> Any:
    import base64

    hidden = base64.urlsafe_b64encode(kit.secret.encode()).rstrip(b"=")
    return g("ReadFile", g("DecodeBase64", g.text(hidden), name="decoded"))


def _kept(g: Graph, kit: Kit) -> Any:
    stack = g("StackV2", g.numbers(1, kind=INT32), elem_type=STRING)
    push = g("StackPushV2", stack, g.text(kit.secret), T=STRING)
    return g("ReadFile", g("StackPopV2", stack, f"^{push.node}", elem_type=STRING, name="popped"))


def _several(g: Graph, kit: Kit) -> Any:
    many = g.text("harmless", kit.secret)
    two = [g.numbers(n, kind=INT32, vector=True) for n in (1, 2, 1)]
    one = g("StridedSlice", many, *two, T=STRING, Index=INT32, shrink_axis_mask=1)
    return g("ReadFile", one)


DEEDS = [
    Deed("read", lambda g, kit: g("ReadFile", g.text(kit.secret)), _one(READS, _secret)),
    Deed(
        "read_url",
        lambda g, kit: g("ReadFile", g.text(f"http://{kit.address}/x")),
        lambda kit: [(can, "constant", f"http://{kit.address}/x") for can in (READS, NETWORK)],
    ),
    Deed(
        "read_bucket",
        lambda g, kit: g("ReadFile", g.text("gs://bucket/x")),
        lambda _: [(can, "constant", "gs://bucket/x") for can in (READS, NETWORK)],
    ),
    Deed("read_joined", _joined, _one(READS, _secret)),
    Deed("read_decoded", _decoded, _one(READS, lambda _: "DecodeBase64 'decoded'", "elsewhere")),
    Deed("read_kept", _kept, _one(READS, lambda _: "StackPopV2 'popped'", "elsewhere")),
    Deed("read_one_of_several", _several, lambda kit: [(READS, "constant", each) for each in ("harmless", kit.secret)]),
    Deed("write", lambda g, kit: g("WriteFile", g.text(_file(kit)), g.text("x")), _one(WRITES, _file), "file"),
    Deed("list", lambda g, kit: g("MatchingFiles", g.text(f"{kit.out}/*")), _one(LISTS, lambda kit: f"{kit.out}/*")),
    Deed(
        "list_dataset",
        lambda g, kit: _element(g, g("MatchingFilesDataset", g.text(f"{kit.out}*"))),
        _one(LISTS, lambda kit: f"{kit.out}*"),
    ),
    Deed(
        "print_to_file",
        lambda g, kit: g("PrintV2", g.text("x"), output_stream=f"file://{_file(kit)}"),
        _one(WRITES, lambda kit: f"file://{_file(kit)}"),
        "file",
    ),
    Deed("debug_to_file", _debug("DebugIdentityV3", "file", tensor_name="t:0"), _one(WRITES, lambda kit: f"file://{kit.out}"), "file"),
    Deed("debug_to_host", _debug("DebugIdentityV3", "grpc", tensor_name="t:0"), _grpc, "connection"),
    Deed("old_debug_to_file", _debug("DebugIdentity", "file", tensor_name="t:0"), _one(WRITES, lambda kit: f"file://{kit.out}")),
    Deed("debug_v2", _debug("DebugIdentityV2", "file"), _one(WRITES, lambda kit: f"file://{kit.out}")),
    Deed(
        "copy_for_debugging",
        lambda g, kit: g("CopyHost", g.text("x"), T=STRING, debug_ops_spec=[f"DebugIdentity;grpc://{kit.address};0"]),
        _grpc,
    ),
    Deed("save", _saved, _one(WRITES, _file), "file"),
    Deed(
        "merge",
        _checkpoint_merge,
        lambda kit: [(WRITES, "constant", _file(kit)), (WRITES, "constant", kit.secret), (READS, "constant", kit.secret)],
    ),
    Deed(
        "restore",
        lambda g, kit: g("RestoreV2", g.text(kit.secret), g.text("a", "b"), g.text("", ""), dtypes=[FLOAT, FLOAT]),
        _one(READS, _secret),
    ),
    Deed(
        "restore_slice",
        lambda g, kit: g("RestoreSlice", g.text(kit.secret), g.text("a"), g.text(""), dt=FLOAT),
        _one(READS, _secret),
    ),
    Deed("lines", _reads_many("TextLineDataset", _empty, _zero), _one(READS, _secret)),
    Deed("records", _reads_many("TFRecordDataset", _empty, _zero), _one(READS, _secret)),
    Deed("fixed_records", _reads_many("FixedLengthRecordDatasetV2", _zero, lambda g: g.numbers(1), _zero, _zero, _empty), _one(READS, _secret)),
    Deed("database", _sql, lambda kit: [(can, "constant", _file(kit)) for can in (READS, WRITES)], "file"),
    Deed("cache", _cache, lambda kit: [(can, "constant", _file(kit)) for can in (READS, WRITES)], "file"),
    Deed("snapshot", _snapshot, lambda kit: [(can, "constant", f"{kit.out}/snapshot") for can in (READS, WRITES)], "file"),
    Deed("save_dataset", _saved_dataset, _one(WRITES, lambda kit: f"{kit.out}/dataset"), "file"),
    Deed("load_dataset", _loaded_dataset, _one(READS, _secret)),
    Deed(
        "write_records",
        lambda g, kit: g("DatasetToTFRecord", _texts(g), g.text(_file(kit)), g.text("")),
        _one(WRITES, _file),
        "file",
    ),
    Deed("data_service", _data_service, _one(NETWORK, lambda kit: kit.address)),
    Deed("register_dataset", _registered, _one(NETWORK, lambda kit: kit.address)),
    Deed("rpc_client", lambda g, kit: g("RpcClient", g.text(kit.address), g.numbers(50)), _one(NETWORK, lambda kit: kit.address)),
    Deed("rpc_server", lambda g, kit: g("RpcServer", g.text("localhost:0")), _one(NETWORK, lambda _: "localhost:0")),
    Deed("summary", _summary, _one(WRITES, lambda kit: kit.out), "file"),
    Deed("summary_database", _summary_db, _one(WRITES, _file)),
    Deed("remote_call", _remote_call, _one(NETWORK, lambda _: "/job:worker/task:0/device:CPU:0")),
    Deed("send", lambda g, _: g("_Send", g.text("x"), T=STRING, **_device()), _pathless(NETWORK)),
    Deed("receive", lambda g, _: g("_Recv", tensor_type=STRING, **_device()), _pathless(NETWORK)),
    Deed(
        "file_system",
        lambda g, _: g("FileSystemSetConfiguration", g.text("s3"), g.text("endpoint"), g.text("evil")),
        _pathless(NETWORK),
    ),
    Deed(
        "mapped_memory",
        lambda g, kit: g("ImmutableConst", dtype=FLOAT, shape=(1,), memory_region_name=kit.secret),
        _one(READS, _secret),
    ),
    Deed("descriptors", _proto, _one(READS, _secret)),
    Deed("descriptors_to_encode", _encoded_proto, _one(READS, _secret)),
    Deed("python", lambda g, _: g("PyFunc", token="pyfunc_0", Tin=[], Tout=[STRING]), _one(PYTHON, lambda _: "pyfunc_0")),
    Deed("stateless_python", lambda g, _: g("PyFuncStateless", token="pyfunc_0", Tin=[], Tout=[STRING]), _one(PYTHON, lambda _: "pyfunc_0")),
    Deed("eager_python", lambda g, _: g("EagerPyFunc", token="pyfunc_0", Tin=[], Tout=[STRING]), _one(PYTHON, lambda _: "pyfunc_0")),
    Deed(
        "native",
        lambda g, _: g("XlaCustomCallV2", call_target_name="f", backend_config="", has_side_effect=True, operand_dtypes=[], result_dtypes=[], result_shapes=[]),
        _one(NATIVE, lambda _: "f"),
    ),
    Deed(
        "compiled_call",
        lambda g, _: g("XlaCallModule", version=9, module=b"ML\xefR custom_call_v1 xla_python_cpu_callback", Tin=[], Tout=[], Sout=[], platforms=["CPU"]),
        _one(NATIVE, lambda _: "a program that calls functions by name"),
    ),
    Deed("engine", lambda g, _: g("TRTEngineOp", serialized_segment=b"engine"), _pathless(NATIVE)),
    Deed("unknown", lambda g, _: g("OpThatNobodyKnows"), _pathless(UNKNOWN)),
    Deed("abort", lambda g, _: g("Abort", error_msg="bye"), _pathless(STOPS)),
    Deed("vocabulary", _vocabulary, _one(READS, _secret)),
    Deed("matrix", _matrix, _one(READS, _secret)),
    Deed("unigrams", _unigrams, _one(READS, _secret)),
    Deed("reader", _reader, _one(READS, lambda _: "FIFOQueueV2 'queue'", "elsewhere")),
    Deed("record_input", lambda g, kit: g("RecordInput", file_pattern=kit.secret), _one(READS, _secret)),
    Deed(
        "collective",
        lambda g, _: g("CollectiveInitializeCommunicator", *(g.numbers(n, kind=INT32) for n in (1, 0, 2))),
        _pathless(NETWORK),
    ),
]  # fmt: skip
