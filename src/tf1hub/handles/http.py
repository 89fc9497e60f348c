"""One HTTP request: connections, proxies, certificates, redirects; faults in words."""

from __future__ import annotations

import email.utils
import os
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import urllib3
from urllib3 import exceptions as faults

from tf1hub.errors import DownloadError
from tf1hub.handles import tokens
from tf1hub.handles.settings import Settings
from tf1hub.storage import redact

MAX_REDIRECTS = 10
# A host that asks for more patience than this is reported instead.
MAX_RETRY_AFTER = 120.0
# What must come, on the average of one read timeout; a connection below it is given up, as one is from which
# nothing comes. A host that sends a byte now and then would else hold a program up for ever.
MIN_BYTES_PER_SECOND = 512

_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_CHUNK = 1 << 20
_NETWORK_ADVICE = (
    "If a proxy is needed, set HTTPS_PROXY; if the host is gone, name a mirror in TF1HUB_MIRRORS; "
    "to use only what is in the cache, set TF1HUB_OFFLINE=1."
)


class PassingError(Exception):
    """What went wrong may pass: another attempt is worth it.

    Attributes:
        retry_after: seconds that the host asks for, or None.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass
class Answer:
    """The host's answer with its body still to be read.

    Attributes:
        url: where it came from, after redirects.
        status: its status.
        headers: its headers; names are compared without regard to case.
        hops: the URLs that were asked, in their order.
        patience: seconds of waiting within which `MIN_BYTES_PER_SECOND` must be reached.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    hops: tuple[str, ...]
    patience: float
    _raw: Any = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        """Yields the body as it arrives.

        Raises:
            PassingError: the connection broke, stalled, crept, or ended before the announced length.
        """
        try:
            yield from self._pieces()
            # Not every urllib3 tells a connection that closes early from the end of the body.
            if self._raw.length_remaining:
                raise faults.IncompleteRead(0, self._raw.length_remaining)
        except (faults.HTTPError, OSError) as error:
            raise _map_error(self.url, error) from error

    def _pieces(self) -> Iterator[bytes]:
        waited, came = 0.0, 0
        while True:
            begun = time.monotonic()
            piece = self._raw.read1(_CHUNK)
            # Only waiting counts: whoever takes the pieces may be slower than the network.
            waited += time.monotonic() - begun
            if not piece:
                return
            yield piece
            came += len(piece)
            if came >= MIN_BYTES_PER_SECOND * self.patience:
                waited, came = 0.0, 0
            elif waited >= self.patience:
                raise PassingError(
                    f"{redact(self.url)}: only {came} bytes came within {waited:.3g} seconds"
                    f" (TF1HUB_READ_TIMEOUT); {MIN_BYTES_PER_SECOND} a second are the least"
                )

    def body(self, limit: int) -> bytes:
        """Returns the body's first `limit` bytes, for messages and storage paths."""
        found = b""
        for piece in self.chunks():
            found += piece
            if len(found) >= limit:
                break
        return found[:limit]

    def close(self) -> None:
        """Gives the connection up."""
        self._raw.close()


class Client:
    """Makes requests with the settings' timeouts, certificates and credentials.

    Args:
        settings: the settings.
        handle_url: the URL that the user gave; credentials in it go to its host only.
    """

    def __init__(self, settings: Settings, handle_url: str) -> None:
        self._settings = settings
        self._handle_url = handle_url
        self._pools: dict[tuple[str, str | None], urllib3.PoolManager] = {}
        self._tls: ssl.SSLContext | None = None

    @property
    def least_bytes(self) -> float:
        """What a connection must bring within one read timeout."""
        return MIN_BYTES_PER_SECOND * self._settings.read_timeout

    def get(self, url: str, headers: Mapping[str, str], *, follow_303: bool = True) -> Answer:
        """Requests a URL and follows redirects.

        Args:
            url: the URL.
            headers: headers beside those that every request has.
            follow_303: whether status 303 is a redirect; else it is an answer.

        Raises:
            PassingError: another attempt may succeed.
            DownloadError: no attempt will.
        """
        hops = [url]
        while True:
            raw = self._request(url, headers)
            if raw.status not in _REDIRECTS or (raw.status == 303 and not follow_303):
                answer = Answer(url, raw.status, raw.headers, tuple(hops), self._settings.read_timeout, raw)
                _check_status(answer)
                return answer
            try:
                url = _target(url, raw, hops)
            finally:
                raw.close()
            hops.append(url)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Sends a request that may change something; redirects are not followed, and every status is an answer.

        Raises:
            PassingError: the host could not be reached, or the connection broke.
            DownloadError: no attempt will succeed.
        """
        raw = self._request(url, headers, method, body)
        return Answer(url, raw.status, raw.headers, (url,), self._settings.read_timeout, raw)

    def close(self) -> None:
        """Closes all connections."""
        for pool in self._pools.values():
            pool.clear()

    def _request(
        self, url: str, headers: Mapping[str, str], method: str = "GET", body: bytes | None = None
    ) -> Any:
        sent = {"User-Agent": "tf1hub", "Accept-Encoding": "identity", "Accept": "*/*", **headers}
        authorization = tokens.authorization(url, self._handle_url, self._settings.tokens)
        if authorization is not None:
            sent["Authorization"] = authorization
        try:
            return self._pool(url).request(
                method, _without_user(url), body=body, headers=sent, redirect=False, retries=False,
                preload_content=False, decode_content=False,
            )  # fmt: skip
        except (faults.HTTPError, OSError) as error:
            raise _map_error(url, error) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = _proxy_for(url)
        scheme = urlsplit(url).scheme
        if (scheme, proxy) not in self._pools:
            options: dict[str, Any] = {
                "timeout": urllib3.Timeout(
                    connect=self._settings.connect_timeout, read=self._settings.read_timeout
                )
            }
            # Reading all certificates takes a moment, which plain http need not pay.
            if scheme == "https" or (proxy or "").startswith("https:"):
                options["ssl_context"] = self._tls_context()
            pool = _proxy_pool(proxy, options) if proxy else urllib3.PoolManager(**options)
            self._pools[scheme, proxy] = pool
        return self._pools[scheme, proxy]

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = _tls_context(self._settings.ca_bundle)
        return self._tls


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    if ca_bundle:
        try:
            if os.path.isdir(ca_bundle):
                return ssl.create_default_context(capath=ca_bundle)
            return ssl.create_default_context(cafile=ca_bundle)
        except (OSError, ssl.SSLError) as error:
            raise DownloadError(
                f"The certificates in {ca_bundle} cannot be read: {error}. Check TF1HUB_CA_BUNDLE, "
                f"REQUESTS_CA_BUNDLE "
                f"and CURL_CA_BUNDLE."
            ) from error
    import certifi

    # The system's store, which SSL_CERT_FILE can replace, knows a company's own
    # authority; certifi helps where Python was built without a store.
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _proxy_for(url: str) -> str | None:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _proxy_pool(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    parts = urlsplit(proxy)
    if parts.scheme.startswith("socks"):
        try:
            from urllib3.contrib.socks import SOCKSProxyManager
        except ImportError as error:
            raise DownloadError(
                f"The proxy {redact(proxy)} is a SOCKS proxy, for which the package PySocks is needed. "
                f"pip install pysocks"
            ) from error
        return SOCKSProxyManager(proxy, **options)
    headers = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=user)
    return urllib3.ProxyManager(
        parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        proxy_headers=headers,
        proxy_ssl_context=options.get("ssl_context"),
        **options,
    )


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _target(url: str, raw: urllib3.BaseHTTPResponse, hops: list[str]) -> str:
    location = raw.headers.get("Location")
    shown = redact(url)
    if not location:
        raise DownloadError(f"{shown} answered with the redirect {raw.status}, but did not say where to.")
    target = urljoin(url, location)
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https"):
        raise DownloadError(
            f"{shown} redirects to {redact(target)}, which is not http(s). If the host serves "
            f"storage paths, "
            f"set TFHUB_MODEL_LOAD_FORMAT=UNCOMPRESSED."
        )
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise DownloadError(
            f"{shown} redirects to {redact(target)}, which is not encrypted. If you trust that, use "
            f"it as the handle."
        )
    if target in hops:
        raise DownloadError(f"{shown} redirects in a circle, back to {redact(target)}.")
    if len(hops) > MAX_REDIRECTS:
        raise DownloadError(f"{redact(hops[0])} redirects more than {MAX_REDIRECTS} times.")
    return target


def _check_status(answer: Answer) -> None:
    status, shown = answer.status, redact(answer.url)
    if status in (200, 206, 303, 416):
        return
    if status in _PASSING:
        wait = _retry_after(answer.headers.get("Retry-After"))
        answer.close()
        if wait is not None and wait > MAX_RETRY_AFTER:
            raise DownloadError(
                f"{shown} answered {_status_text(status)} and asks to come back in {wait:.0f} seconds."
            )
        raise PassingError(f"{shown} answered {_status_text(status)}", wait)
    words = _first_words(answer)
    answer.close()
    raise DownloadError(f"{shown} answered {_status_text(status)}{words}. {_advice(status, answer.url)}")


def _status_text(status: int) -> str:
    from http import HTTPStatus

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _advice(status: int, url: str) -> str:
    host = urlsplit(url).netloc.rpartition("@")[2]
    if status == 401:
        return f"It wants a token: set {tokens.variable_for(host)}."
    if status == 403:
        return (
            f"It does not let you in, or it no longer serves this. If it wants a token, set "
            f"{tokens.variable_for(host)}; "
            f"if the module has moved, name a mirror in TF1HUB_MIRRORS."
        )
    if status in (404, 410):
        return (
            "There is no such module on this host, or it is gone. Check the handle and its version; "
            "if it has moved, "
            "name a mirror in TF1HUB_MIRRORS."
        )
    if status == 407:
        return "The proxy wants a password: set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT."
    return "An archive with status 200 was expected."


def _first_words(answer: Answer) -> str:
    """Returns the first words of a short plain answer, such as an API's message."""
    if not answer.headers.get("Content-Type", "").startswith(("text/plain", "application/json")):
        return ""
    try:
        text = answer.body(200).decode("utf-8", "replace")
    except PassingError:
        return ""
    words = " ".join(text.split())
    return f" ({words})" if words.isprintable() and words else ""


def _retry_after(value: str | None) -> float | None:
    """Returns the seconds of a Retry-After header (RFC 9110, 10.2.3): a number, or a date."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value.strip())
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, when.timestamp() - time.time())


def _map_error(url: str, error: BaseException) -> Exception:
    """Returns the error of this library for one of urllib3 or the operating system."""
    shown = redact(url)
    root = _root(error)
    text = _words(root)
    if isinstance(root, faults.IncompleteRead) and root.expected:
        return PassingError(f"{shown}: the connection closed {root.expected} bytes before the end")
    if isinstance(error, faults.ProxyError):
        return PassingError(
            f"the proxy for {shown} cannot be reached: {text}. Check HTTP_PROXY and HTTPS_PROXY"
        )
    if isinstance(error, (faults.SSLError, ssl.SSLError)) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return DownloadError(
            f"The certificate of {shown} is not trusted: {text}. If your network inspects encrypted "
            f"traffic, set "
            f"TF1HUB_CA_BUNDLE to a file with its authority's certificate."
        )
    if isinstance(error, faults.NameResolutionError):
        return PassingError(f"the name of the host of {shown} cannot be resolved: {text}. {_NETWORK_ADVICE}")
    # Refused and unreachable are timeouts to urllib3, so they come first.
    if isinstance(error, faults.NewConnectionError):
        return PassingError(f"{shown} cannot be reached: {text}. {_NETWORK_ADVICE}")
    if isinstance(error, faults.ConnectTimeoutError):
        return PassingError(
            f"{shown}: no connection within the timeout (TF1HUB_CONNECT_TIMEOUT). {_NETWORK_ADVICE}"
        )
    if isinstance(error, (faults.ReadTimeoutError, TimeoutError)):
        return PassingError(f"{shown}: no bytes came within the timeout (TF1HUB_READ_TIMEOUT)")
    if isinstance(error, (faults.LocationValueError, faults.LocationParseError)):
        return DownloadError(f"{shown} is not a URL that can be asked: {text}.")
    return PassingError(f"{shown}: the connection broke: {text}")


def _root(error: BaseException) -> BaseException:
    """Returns the error of the operating system or TLS library inside urllib3's wrapping."""
    while True:
        inner = getattr(error, "reason", None) or getattr(error, "original_error", None)
        inner = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
        if inner is None or isinstance(error, (OSError, faults.IncompleteRead)):
            break
        error = inner
    return error


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
