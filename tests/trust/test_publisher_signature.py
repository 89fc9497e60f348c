"""Signatures of publishers: ours are verified by the standard's own command, and its by ours; rules may demand one."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("model_signing")

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import tf1hub as hub
from tf1hub.cli import _exit
from tf1hub.cli.main import main
from tf1hub.errors import ArgumentError, FormatError, HandleError, MissingDependencyError, TrustError
from tf1hub.trust.rules import find_allowed

GOLDEN = Path(__file__).parents[1] / "golden" / "modules"
STANDARD = [sys.executable, "-W", "ignore", "-m", "model_signing"]


@pytest.fixture
def module(tmp_path: Path) -> str:
    return str(shutil.copytree(GOLDEN / "half_plus_two" / "module", tmp_path / "module"))


def write_key(directory: Path, name: str = "publisher", password: str = "", curve: Any = ec.SECP256R1) -> Any:
    key = ec.generate_private_key(curve())
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    (directory / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (directory / f"{name}.pub").write_bytes(public)
    return key


def write_certificate(directory: Path, name: str, key: Any, issuer: tuple[Any, Any] | None = None) -> Any:
    """A certificate that its own key signed, or that of an issuer."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    by, by_key = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    usage = {
        "digital_signature": issuer is not None,
        "key_cert_sign": issuer is None,
        **dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        ),
        **dict.fromkeys(("crl_sign", "encipher_only", "decipher_only"), False),
    }
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .sign(by_key, hashes.SHA256())
    )
    (directory / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return made


@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1], ids=lambda curve: curve.name)
def test_the_standards_command_verifies_what_we_sign(module: str, tmp_path: Path, curve: Any):
    write_key(tmp_path, curve=curve)
    signed = hub.sign(module, tmp_path / "publisher.key")
    assert signed == hub.PublisherSignature(module, f"{module}/model.sig", signed.signer, 4)
    assert signed.signer.startswith("the key ")
    verify = [*STANDARD, "verify", "key", module, "--signature", signed.signature]
    found = subprocess.run(
        [*verify, "--public_key", tmp_path / "publisher.pub"], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert hub.verify_signature(module, tmp_path / "publisher.pub") == signed


def test_we_verify_what_the_standards_command_signs(module: str, tmp_path: Path):
    write_key(tmp_path)
    sign = [*STANDARD, "sign", "key", module, "--signature", f"{module}/model.sig"]
    subprocess.run([*sign, "--private_key", tmp_path / "publisher.key"], check=True, capture_output=True)
    assert hub.verify_signature(module, tmp_path / "publisher.pub").files == 4


def test_certificates_are_followed_to_a_root_without_network(module: str, tmp_path: Path):
    root_key, key = write_key(tmp_path, "root"), write_key(tmp_path)
    root = write_certificate(tmp_path, "root", root_key)
    write_certificate(tmp_path, "publisher", key, (root, root_key))
    write_certificate(tmp_path, "other", write_key(tmp_path, "other"))
    signed = hub.sign(module, tmp_path / "publisher.key", certificate=tmp_path / "publisher.pem")
    assert signed.signer == "CN=publisher"
    assert hub.verify_signature(module, tmp_path / "root.pem") == signed
    with pytest.raises(TrustError, match=r"other\.pem: unable to get local issuer certificate"):
        hub.verify_signature(module, tmp_path / "other.pem")
    verify = [*STANDARD, "verify", "certificate", module, "--signature", signed.signature]
    chain = ["--certificate_chain", tmp_path / "root.pem"]
    assert subprocess.run([*verify, *chain], capture_output=True).returncode == 0


def _write(path: Path) -> None:
    path.write_text("x")


CHANGES = {
    "a file more": (
        lambda directory: _write(directory / "notes.txt"),
        "Extra files found in model 'module': notes.txt",
    ),
    "a file less": (
        lambda directory: (directory / "tfhub_module.pb").unlink(),
        "Missing files in model 'module': tfhub_module.pb",
    ),
    "other content": (
        lambda directory: _write(directory / "saved_model.pb"),
        "Hash mismatch for 'saved_model.pb'",
    ),
    "a damaged signature": (lambda directory: _write(directory / "model.sig"), "Expecting value"),
    "an empty bundle": (
        lambda directory: (directory / "model.sig").write_text("{}"),
        "'verificationMaterial'",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_told(name: str, module: str, tmp_path: Path):
    write_key(tmp_path)
    hub.sign(module, tmp_path / "publisher.key")
    change, words = CHANGES[name]
    change(Path(module))
    with pytest.raises(TrustError) as error:
        hub.verify_signature(module, tmp_path / "publisher.pub")
    start = f"{module} is not what was signed by whom you trust, says {module}/model.sig:\n  - {tmp_path}/publisher.pub: "
    assert str(error.value).startswith(start + words)


def test_a_signature_that_leaves_files_out_does_not_hold(module: str, tmp_path: Path):
    write_key(tmp_path)
    sign = [*STANDARD, "sign", "key", module, "--signature", f"{module}/model.sig"]
    sign += ["--private_key", str(tmp_path / "publisher.key"), "--ignore-paths", f"{module}/variables"]
    subprocess.run(sign, check=True, capture_output=True)
    with pytest.raises(
        TrustError, match=r"it leaves out variables/variables\.data-00000-of-00001, variables/"
    ):
        hub.verify_signature(module, tmp_path / "publisher.pub")


def test_another_key_and_no_signature(module: str, tmp_path: Path):
    write_key(tmp_path)
    write_key(tmp_path, "other")
    with pytest.raises(TrustError) as error:
        hub.verify_signature(module, tmp_path / "publisher.pub")
    assert str(error.value) == f"{module} is not signed: there is no {module}/model.sig."
    hub.sign(module, tmp_path / "publisher.key")
    with pytest.raises(TrustError, match=r"other\.pub: it was signed with another key"):
        hub.verify_signature(module, tmp_path / "other.pub")
    both = [tmp_path / "other.pub", tmp_path / "publisher.pub"]
    assert hub.verify_signature(module, both).files == 4


def test_keys_that_cannot_be_used(module: str, tmp_path: Path):
    write_key(tmp_path, "locked", "secret")
    key = tmp_path / "locked.key"
    with pytest.raises(ArgumentError) as error:
        hub.sign(module, key)
    assert str(error.value) == f"{key} cannot be used: Password was not given but private key is encrypted."
    with pytest.raises(ArgumentError, match="Incorrect password"):
        hub.sign(module, key, password="other")
    assert not Path(module, "model.sig").exists()
    assert hub.sign(module, key, password="secret").files == 4
    with pytest.raises(ArgumentError, match="openssl ec -in KEY -out DECRYPTED_KEY"):
        hub.sign(module, key, password="secret", certificate="c.pem")
    with pytest.raises(ArgumentError, match="was given without certificate="):
        hub.sign(module, key, certificate_chain=["c.pem"])
    with pytest.raises(ArgumentError, match="cannot be read as a PEM file: No such file"):
        hub.verify_signature(module, "nothing.pem")
    with pytest.raises(ArgumentError, match="trusted= names nobody"):
        hub.verify_signature(module, [])
    with pytest.raises(FormatError, match=r"it has no saved_model\.pb\. Sign the directory of a module"):
        hub.sign(tmp_path, key)


def test_the_decrypted_key_of_the_advice_signs(module: str, tmp_path: Path):
    root_key = write_key(tmp_path, "root")
    write_key(tmp_path, "locked", "secret")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here")
    plain = str(tmp_path / "plain.key")
    run = [openssl, "ec", "-in", str(tmp_path / "locked.key"), "-out", plain, "-passin", "pass:secret"]
    subprocess.run(run, check=True, capture_output=True)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(Path(plain).read_bytes(), None)
    write_certificate(tmp_path, "locked", key, (write_certificate(tmp_path, "root", root_key), root_key))
    assert hub.sign(module, plain, certificate=tmp_path / "locked.pem").signer == "CN=locked"


def test_the_package_is_named_where_it_is_missing(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "model_signing", None)
    write_key(tmp_path)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tf1hub\[signing\]'"):
        hub.sign(module, tmp_path / "publisher.key")


def test_the_verbs(module: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch):
    write_key(tmp_path, password="secret")
    monkeypatch.setenv("TF1HUB_KEY_PASSWORD", "secret")
    assert main(["sign", module, "--private-key", str(tmp_path / "publisher.key")]) == _exit.OK
    assert capsys.readouterr().out.startswith(f"{module}/model.sig: 4 files, signed by the key ")
    verify = ["verify-signature", module, "--trusted", str(tmp_path / "publisher.pub")]
    assert main([*verify, "--json"]) == _exit.OK
    assert json.loads(capsys.readouterr().out)["files"] == 4
    _write(Path(module) / "notes.txt")
    assert main(verify) != _exit.OK
    assert "Extra files found" in capsys.readouterr().err


# ------------------------------------------------------------------------ rules


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("TF1HUB_CONFIG", str(path))
    return path


@pytest.mark.parametrize("of", ["*", "{module}"])
def test_a_rule_demands_a_signature(of: str, module: str, tmp_path: Path, configuration: Path):
    write_key(tmp_path)
    of = of.format(module=module)
    configuration.write_text(f'[trust."{of}"]\nsigned_by = "publisher.pub"\n')
    assert hub.inspect(module).variants
    for _ in range(2):
        with pytest.raises(TrustError) as error:
            hub.Predictor(module, engine="numpy")
        assert str(error.value) == (
            f"{configuration}: [trust] {of!r} demands a signature, so variant {{}} of {module} was not built. {module} is "
            f"not signed: there is no {module}/model.sig."
        )
    report = hub.check(module)
    assert any("demands a signature" in finding.message for finding in report.findings)
    hub.sign(module, tmp_path / "publisher.key")
    assert hub.Predictor(module, engine="numpy")([[1.0]])["default"].tolist() == [[2.5]]
    _write(Path(module) / "notes.txt")
    with pytest.raises(TrustError, match="Extra files found"):
        hub.Predictor(module, engine="numpy")


def test_a_rule_for_others_demands_nothing(module: str, configuration: Path):
    configuration.write_text('[trust."https://example.com/"]\nsigned_by = ["nobody.pub"]\n')
    assert hub.Predictor(module, engine="numpy").engine == "numpy"


def test_a_rule_may_allow_only(module: str, configuration: Path):
    configuration.write_text(f'[trust."{module}"]\nallow = ["reads files"]\n')
    assert find_allowed(module) == {"reads files"}
    assert hub.Predictor(module, engine="numpy").engine == "numpy"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("signed_by = []", "signed_by is empty. Name the PEM file of a public key or of certificates."),
        ("signed_by = 3", "signed_by names PEM files, a string or a list of strings, not 3."),
        ("sign = 3", "has the key 'sign'. There are: allow, signed_by."),
    ],
)
def test_rules_that_cannot_be_meant(said: str, words: str, module: str, configuration: Path):
    configuration.write_text(f'[trust."*"]\n{said}\n')
    with pytest.raises(HandleError) as error:
        hub.Predictor(module, engine="numpy")
    assert str(error.value).startswith(f"{configuration}: [trust] '*'")
    assert str(error.value).endswith(words)


def test_every_door_demands(module: str, tmp_path: Path, configuration: Path):
    tf = pytest.importorskip("tensorflow")
    configuration.write_text('[trust."*"]\nsigned_by = "publisher.pub"\n')
    write_key(tmp_path)

    def graph() -> Any:
        with tf.Graph().as_default():
            return hub.Module(module)

    doors = [
        graph,
        lambda: hub.load(module),
        lambda: hub.KerasLayer(module),
        lambda: hub.convert(module, str(tmp_path / "converted")),
        lambda: hub.to_jax(module),
        lambda: (
            hub.load_module_spec(module, trust=True) and hub.load(hub.load_module_spec(module, trust=True))
        ),
    ]
    for door in doors:
        with pytest.raises(TrustError, match="demands a signature"):
            door()

    def module_fn() -> None:
        x = tf.compat.v1.placeholder(tf.float32, [])
        hub.add_signature(inputs=x, outputs=x + 1)

    assert hub.load(hub.create_module_spec(module_fn))(1.0).numpy() == 2.0
