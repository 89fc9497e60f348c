"""Signatures of publishers, by the OpenSSF Model Signing specification.

A signature is a Sigstore bundle over the SHA-256 of each file: https://github.com/ossf/model-signing-spec
The package model-signing writes and verifies it. No network is needed.
"""

from __future__ import annotations

import ast
import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tf1hub.arguments import handle_text, path_text
from tf1hub.errors import ArgumentError, Error, FormatError, MissingDependencyError, TrustError
from tf1hub.format.module_files import SIGNATURE_FILE_NAME
from tf1hub.format.saved_model import FILE_NAME
from tf1hub.handles import resolve
from tf1hub.handles.manifest import walk_files
from tf1hub.storage.whole import new_file

AnyPath: TypeAlias = str | os.PathLike[str]

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_MISMATCH = "Signature mismatch: "
_OF_GIT = (".git/", ".github/", ".gitattributes", ".gitignore")
"""What the standard's own command leaves out, and nothing of a module reads."""


class PublisherSignature(NamedTuple):
    """A signature that was verified, or that was just written.

    Attributes:
        module: the module's directory.
        signature: the file of the signature.
        signer: who signed: the subject of a certificate, or the SHA-256 of a public key.
        files: how many files it covers.
    """

    module: str
    signature: str
    signer: str
    files: int


def sign(
    directory: AnyPath,
    private_key: AnyPath,
    *,
    password: str | None = None,
    certificate: AnyPath | None = None,
    certificate_chain: Iterable[AnyPath] = (),
    signature: AnyPath | None = None,
) -> PublisherSignature:
    """Signs a module, so that others can tell who published it and that nobody has changed it.

    The signature is one more file of the module, so sign before you publish: the digest of the content changes.

    Example:
        >>> import pathlib, shutil, tf1hub as hub
        >>> from cryptography.hazmat.primitives import serialization as pem
        >>> from cryptography.hazmat.primitives.asymmetric import ec
        >>> key = ec.generate_private_key(ec.SECP256R1())
        >>> _ = pathlib.Path("publisher.key").write_bytes(
        ...     key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()))
        >>> _ = pathlib.Path("publisher.pub").write_bytes(
        ...     key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
        >>> _ = shutil.copytree("tests/golden/modules/half_plus_two/module", "signed")
        >>> hub.sign("signed", "publisher.key").signature
        'signed/model.sig'
        >>> hub.verify_signature("signed", "publisher.pub").files
        4

    Args:
        directory: the module.
        private_key: a PEM file with the private key, on the curve P-256, P-384 or P-521.
        password: of the key, if it is encrypted.
        certificate: a PEM file with the certificate of the key. Without it, who verifies needs the public key.
        certificate_chain: PEM files with the certificates between that one and its root.
        signature: where the signature goes; by default `model.sig` in the module.

    Returns:
        What was signed, and by whom.

    Raises:
        MissingDependencyError: the package model-signing is not installed.
        FormatError: there is no module in the directory, or it has links.
        ArgumentError: the key or the certificate cannot be used.
        ExportError: the signature cannot be written.
    """
    path, key = path_text(directory, "directory"), path_text(private_key, "private_key")
    if not os.path.isfile(os.path.join(path, FILE_NAME)):
        raise FormatError(
            f"There is no module in {path}: it has no {FILE_NAME}. Sign the directory of a module."
        )
    target = (
        os.path.join(path, SIGNATURE_FILE_NAME) if signature is None else path_text(signature, "signature")
    )
    leaf = None if certificate is None else path_text(certificate, "certificate")
    chain = [path_text(each, "certificate_chain") for each in certificate_chain]
    if certificate is None and chain:
        raise ArgumentError("certificate_chain= was given without certificate=, to which it belongs.")
    if certificate is not None and password is not None:
        raise ArgumentError(
            "password= was given with certificate=, where the package model-signing takes no encrypted key. Decrypt it "
            "into a file first: openssl ec -in KEY -out DECRYPTED_KEY"
        )
    package = _model_signing()
    config = package.signing.Config().set_hashing_config(_hashing(package, path, target))
    if leaf is None:
        word = None if password is None else password.encode()
        _configure(lambda: config.use_elliptic_key_signer(private_key=key, password=word), key)
    else:
        # The package takes no empty chain; a certificate that stands in it twice changes nothing.
        _configure(
            lambda: config.use_certificate_signer(
                private_key=key, signing_certificate=leaf, certificate_chain=chain or [leaf]
            ),
            key,
        )
    with new_file(target) as temporary:
        try:
            config.sign(Path(path), temporary)
        except ValueError as error:
            raise FormatError(f"{path} cannot be signed: {error}") from error
    return _describe(path, target, _read(target))


def verify_signature(
    handle: AnyPath, trusted: AnyPath | Iterable[AnyPath], *, signature: AnyPath | None = None
) -> PublisherSignature:
    """Verifies that a module is, file by file, what somebody signed whom you trust.

    Example:
        >>> import pathlib, tf1hub as hub
        >>> from cryptography.hazmat.primitives import serialization as pem
        >>> from cryptography.hazmat.primitives.asymmetric import ec
        >>> public = ec.generate_private_key(ec.SECP256R1()).public_key()
        >>> _ = pathlib.Path("somebody.pub").write_bytes(
        ...     public.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
        >>> hub.verify_signature("tests/golden/modules/half_plus_two/module", "somebody.pub")
        Traceback (most recent call last):
        tf1hub.errors.TrustError: ... is not signed: there is no ...model.sig.

    Args:
        handle: the module.
        trusted: a PEM file with a public key, or with certificates of which the signer's has to descend. Several files
            are given as a list; one of them has to do.
        signature: the file of the signature; by default `model.sig` in the module.

    Returns:
        What was signed, and by whom.

    Raises:
        MissingDependencyError: the package model-signing is not installed.
        ResolveError: the module could not be obtained.
        ArgumentError: a PEM file cannot be read, or holds neither a public key nor a certificate.
        TrustError: the module is not signed, or by somebody else, or its files are not those that were signed.
    """
    directory = resolve(handle_text(handle))
    path = (
        os.path.join(directory, SIGNATURE_FILE_NAME)
        if signature is None
        else path_text(signature, "signature")
    )
    if isinstance(trusted, str | bytes | os.PathLike) or not isinstance(trusted, Iterable):
        trusted = [trusted]
    given = [path_text(each, "trusted") for each in trusted]
    if not given:
        raise ArgumentError("trusted= names nobody. Give a PEM file with a public key or with certificates.")
    package = _model_signing()
    verifiers = {key: _verifier(package, key) for key in given}
    if not os.path.isfile(path):
        raise TrustError(f"{directory} is not signed: there is no {path}.")
    faults = []
    for key, verifier in verifiers.items():
        fault = _fault(verifier, directory, path)
        if not fault:
            return _describe(directory, path, _read(path))
        faults.append(f"\n  - {key}: {fault}")
    raise TrustError(f"{directory} is not what was signed by whom you trust, says {path}:{''.join(faults)}")


def read_signer(bundle: bytes) -> str:
    """Who a signature says that it is of, which nobody has verified.

    Args:
        bundle: the content of the signature's file.

    Raises:
        FormatError: it is no signature.
    """
    try:
        return _signer(json.loads(bundle))
    except ImportError:
        return "somebody with a certificate"
    except Exception as error:
        # Anybody may have written it, and a library for certificates parses it.
        raise FormatError(f"It is no signature: {_words(error)}.") from error


def _model_signing() -> Any:
    try:
        import model_signing.hashing
        import model_signing.signing
        import model_signing.verifying
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "Signatures of publishers need the package model-signing. Install it with: pip install 'tf1hub[signing]'"
        ) from error
    return model_signing


def _hashing(package: Any, directory: str, signature: str) -> Any:
    """A digest for each file but the signature itself."""
    inside = os.path.relpath(os.path.abspath(signature), os.path.abspath(directory))
    ignored = [] if inside.startswith(os.pardir) else [inside]
    return package.hashing.Config().set_ignored_paths(paths=ignored, ignore_git_paths=False)


def _configure(use: Callable[[], Any], what: str) -> None:
    """Reads keys and certificates; what their parsers raise is of many kinds."""
    try:
        use()
    except Error:
        raise
    except Exception as error:
        raise ArgumentError(f"{what} cannot be used: {_words(error)}.") from error


def _verifier(package: Any, key: str) -> Any:
    config = package.verifying.Config()
    try:
        with open(key, encoding="utf-8") as file:
            is_certificate = _CERTIFICATE in file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{key} cannot be read as a PEM file: {_words(error)}.") from error
    if is_certificate:
        _configure(lambda: config.use_certificate_verifier(certificate_chain=[key]), key)
    else:
        _configure(lambda: config.use_elliptic_key_verifier(public_key=key), key)
    return config


def _fault(verifier: Any, directory: str, path: str) -> str:
    """Why a signature does not hold, in words; empty where it does."""
    try:
        verifier.verify(Path(directory), path)
        names = _names(_read(path))
    except Exception as error:  # noqa: BLE001 anybody may have written the signature, and three libraries parse it
        return _words(error)
    found = {name for name, _ in walk_files(directory)} - {SIGNATURE_FILE_NAME}
    left_out = sorted(name for name in found - names if not name.startswith(_OF_GIT))
    return f"it leaves out {', '.join(left_out)}" if left_out else ""


def _words(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    if type(error).__name__ == "InvalidSignature" or text.startswith("Key mismatch"):
        return "it was signed with another key"
    if text.startswith(_MISMATCH):
        return "; ".join(ast.literal_eval(text.removeprefix(_MISMATCH)))
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return text or type(error).__name__


def _read(path: str) -> Mapping[str, Any]:
    """The bundle."""
    with open(path, encoding="utf-8") as file:
        bundle: dict[str, Any] = json.load(file)
    return bundle


def _names(bundle: Mapping[str, Any]) -> set[str]:
    """The files that a signature covers."""
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    # Signatures of the draft of the specification have a subject for each file, and no resources.
    items: Sequence[Any] = statement.get("predicate", {}).get("resources") or statement["subject"]
    names = {str(item["name"]) for item in items}
    if statement.get("predicate", {}).get("serialization", {}).get("method") == "shards":
        names = {name.rsplit(":", 2)[0] for name in names}
    return names


def _describe(directory: str, path: str, bundle: Mapping[str, Any]) -> PublisherSignature:
    return PublisherSignature(directory, path, _signer(bundle), len(_names(bundle)))


def _signer(bundle: Mapping[str, Any]) -> str:
    material = bundle["verificationMaterial"]
    chain = (material.get("x509CertificateChain") or {}).get("certificates")
    if not chain:
        return f"the key {material.get('publicKey', {}).get('hint')}"
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(base64.b64decode(chain[0]["rawBytes"]))
    return certificate.subject.rfc4514_string()
