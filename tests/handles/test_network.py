"""Against a host that misbehaves: success, or the right error in time, and the cache whole."""

from __future__ import annotations

import gzip
import random
import re
import ssl
import time

import pytest
import trustme
from archives import MODULE, tar, tgz, tree
from misbehaving_server import cut, dripping, in_turn, serving, slowly, whole

from tf1hub.errors import ArchiveError, DownloadError
from tf1hub.handles import cache as caches
from tf1hub.handles import compression
from tf1hub.handles.api import resolve

KIB64 = 64 << 10
# Does not compress, so that the archive has as many 64 KiB boundaries as the module.
BIG = {**MODULE, "variables/variables.data-00000-of-00001": random.Random(0).randbytes(10 * KIB64 + 123)}
BIG_TGZ = tgz(BIG)
BOUNDARIES = range(KIB64, len(BIG_TGZ), KIB64)
# Seconds: far less than a host here says nothing for, and far more than a busy machine needs.
NOT_FOREVER = 30


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    """Waits a hundredth of the backoff."""
    monkeypatch.setattr("tf1hub.handles.transfer._BACKOFF", 0.005)
    monkeypatch.setattr("tf1hub.handles.transfer._MAX_BACKOFF", 0.02)


def assert_cache_is_whole(cache):
    """Every entry is complete when each byte is compared, and nothing unfinished is left."""
    for entry in caches.entries(str(cache)):
        assert entry.check(full=True).state is caches.EntryState.COMPLETE
    tmp = cache / ".tf1hub" / "tmp"
    assert not tmp.exists() or list(tmp.iterdir()) == []


def assert_fails(url, cache, words, kind=DownloadError):
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        resolve(url)
    assert time.monotonic() - started < NOT_FOREVER
    assert words in str(caught.value)
    assert caches.entries(str(cache)) == []
    assert_cache_is_whole(cache)
    return str(caught.value)


@pytest.mark.parametrize("data", [tgz(), tar(), gzip.compress(tgz())], ids=["tgz", "tar", "twice"])
def test_module_is_downloaded_and_asked_for_as_the_protocol_says(server, cache, data):
    url = server.on("/P/M/1", whole(data))
    directory = resolve(url)
    assert tree(directory) == MODULE
    assert directory == str(cache / caches.key_of(url))
    assert [log.path for log in server.log] == ["/P/M/1?tf-hub-format=compressed"]
    assert resolve(url) == directory
    assert len(server.log) == 1
    assert_cache_is_whole(cache)


def test_other_query_parameters_stay(server):
    url = server.on("/P/M/1", whole(tgz()))
    resolve(f"{url}?a=b&c")
    assert server.log[0].path == "/P/M/1?a=b&c&tf-hub-format=compressed"


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("how", ["hang_up", "reset"])
def test_cut_at_every_64_kib_goes_on_where_it_broke(server, cache, boundary, how):
    url = server.on("/m/1", in_turn(cut(BIG_TGZ, lambda _: boundary, '"v1"', how), whole(BIG_TGZ, '"v1"')))
    assert tree(resolve(url)) == BIG
    first, *rest = server.asked("/m/1")
    assert all(log.headers["If-Range"] == '"v1"' for log in rest)
    assert all(log.headers["Range"].startswith("bytes=") for log in rest)
    assert len(rest) == 1
    if how == "hang_up":
        assert rest[0].sent_in_all() == len(BIG_TGZ) - first.sent_in_all()
    assert_cache_is_whole(cache)


@pytest.mark.parametrize("boundary", [BOUNDARIES[0], BOUNDARIES[-1]])
@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_etag_the_transfer_starts_over(server, cache, boundary, etag):
    url = server.on("/m/1", in_turn(cut(BIG_TGZ, lambda _: boundary, etag), whole(BIG_TGZ, etag)))
    assert tree(resolve(url)) == BIG
    assert [("Range" in log.headers, log.status) for log in server.log] == [(False, 200), (False, 200)]
    assert_cache_is_whole(cache)


def test_a_line_that_breaks_every_64_kib_gets_through(server, cache):
    url = server.on("/m/1", cut(BIG_TGZ, lambda _: KIB64, '"v1"'))
    assert tree(resolve(url)) == BIG
    assert len(server.log) == -(-len(BIG_TGZ) // KIB64)
    assert_cache_is_whole(cache)


def test_a_host_that_knows_no_ranges_is_read_again_from_the_start(server):
    def no_ranges(request):
        request.answer(BIG_TGZ, etag='"v1"')

    url = server.on("/m/1", in_turn(cut(BIG_TGZ, lambda _: 3 * KIB64, '"v1"'), no_ranges))
    assert tree(resolve(url)) == BIG
    assert [log.status for log in server.log] == [200, 200]


def test_content_that_changes_between_resume_attempts_is_not_mixed(server, cache):
    other = {**BIG, "assets/tokens.txt": b"other\n"}
    url = server.on("/m", in_turn(cut(BIG_TGZ, lambda _: 3 * KIB64, '"v1"'), whole(tgz(other), '"v2"')))
    assert tree(resolve(url)) == other
    assert_cache_is_whole(cache)


def test_a_host_that_ignores_if_range_is_not_believed(server):
    other = tgz({**BIG, "assets/tokens.txt": b"other\n"})

    def ignores(request):
        start = int(request.headers["Range"][6:-1]) if "Range" in request.headers else 0
        headers = {"Content-Length": len(other) - start, "ETag": '"v2"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(other) - 1}/{len(other)}"
        request.head(206 if start else 200, headers)
        request.send(other[start:])

    url = server.on("/m", in_turn(cut(BIG_TGZ, lambda _: 3 * KIB64, '"v1"'), ignores))
    assert tree(resolve(url))["assets/tokens.txt"] == b"other\n"
    assert [log.status for log in server.log] == [200, 206, 200]


def test_content_that_changes_every_time_is_given_up(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "3")

    def changing(request):
        cut(BIG_TGZ, lambda _: KIB64, f'"{request.number}"')(request)

    url = server.on("/m", changing)
    assert_fails(url, cache, "changed while it was downloaded (after 4 attempts).")


@pytest.mark.parametrize("range_answer", ["bytes 0-9/10", "nonsense", ""])
def test_a_wrong_content_range_starts_over(server, range_answer):
    def wrong(request):
        request.answer(BIG_TGZ[:10], 206, etag='"v1"', content_range=range_answer)

    url = server.on("/m", in_turn(cut(BIG_TGZ, lambda _: KIB64, '"v1"'), wrong, whole(BIG_TGZ, '"v1"')))
    assert tree(resolve(url)) == BIG


def test_a_host_that_always_cuts_is_given_up(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "2")
    url = server.on("/m", cut(BIG_TGZ, lambda _: 5000, how="hang_up"))
    message = assert_fails(url, cache, "(after 3 attempts).")
    assert f"{len(BIG_TGZ) - 5000} bytes before the end" in message


@pytest.mark.parametrize("how", ["hang_up", "reset"])
def test_a_host_that_says_nothing_at_all_is_given_up(server, cache, monkeypatch, how):
    monkeypatch.setenv("TF1HUB_RETRIES", "2")
    url = server.on("/m", lambda request: getattr(request, how)())
    assert_fails(url, cache, "the connection broke")
    assert len(server.log) == 3


def test_stall_before_the_answer_ends_within_the_read_timeout(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_READ_TIMEOUT", "0.3")
    monkeypatch.setenv("TF1HUB_RETRIES", "1")
    url = server.on("/m", lambda request: request.stall())
    assert_fails(url, cache, "no bytes came within the timeout (TF1HUB_READ_TIMEOUT) (after 2 attempts).")


def test_stall_in_the_middle_is_resumed(server, monkeypatch):
    monkeypatch.setenv("TF1HUB_READ_TIMEOUT", "0.3")
    url = server.on("/m", in_turn(cut(BIG_TGZ, lambda _: 2 * KIB64, '"v1"', "stall"), whole(BIG_TGZ, '"v1"')))
    started = time.monotonic()
    assert tree(resolve(url)) == BIG
    assert time.monotonic() - started < NOT_FOREVER
    assert [log.status for log in server.log] == [200, 206]


def test_a_host_that_creeps_is_given_up_although_bytes_keep_coming(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_READ_TIMEOUT", "0.4")
    monkeypatch.setenv("TF1HUB_RETRIES", "1")
    url = server.on("/m", dripping(BIG_TGZ, 0, '"v1"'))
    words = assert_fails(url, cache, "(TF1HUB_READ_TIMEOUT); 512 a second are the least (after 2 attempts).")
    assert re.search(r"only \d{1,3} bytes came within \d+\.\d* seconds", words)
    assert len(server.log) == 2


def test_a_host_that_comes_to_a_crawl_is_left_and_asked_for_the_rest(server, monkeypatch):
    monkeypatch.setenv("TF1HUB_READ_TIMEOUT", "0.4")
    url = server.on("/m", in_turn(dripping(BIG_TGZ, 2 * KIB64, '"v1"'), whole(BIG_TGZ, '"v1"')))
    started = time.monotonic()
    assert tree(resolve(url)) == BIG
    assert time.monotonic() - started < NOT_FOREVER
    assert [log.status for log in server.log] == [200, 206]


def test_a_slow_host_above_the_least_rate_is_waited_for(server, monkeypatch):
    monkeypatch.setenv("TF1HUB_READ_TIMEOUT", "0.4")
    url = server.on("/m", slowly(BIG_TGZ, seconds=1.5, pieces=15))
    assert tree(resolve(url)) == BIG
    assert len(server.log) == 1


def test_a_length_that_is_too_large_is_noticed(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "1")

    def wrong(request):
        request.head(200, {"Content-Length": len(BIG_TGZ) + 1000})
        request.send(BIG_TGZ)
        request.hang_up()

    assert_fails(server.on("/m", wrong), cache, "1000 bytes before the end")


def test_a_length_that_is_too_small_is_noticed(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "1")

    def wrong(request):
        request.head(200, {"Content-Length": 5000, "Connection": "close"})
        request.send(BIG_TGZ[:5000])
        request.hang_up()

    assert_fails(server.on("/m", wrong), cache, "compressed data ends early, after 5000 bytes")


def test_no_length_at_all_is_enough_for_a_whole_archive(server):
    def bare(request):
        request.head(200, {"Connection": "close"})
        request.send(BIG_TGZ)
        request.hang_up()

    assert tree(resolve(server.on("/m", bare))) == BIG


def test_chunked_encoding(server):
    def chunked(request):
        request.head(200, {"Transfer-Encoding": "chunked"})
        for at in range(0, len(BIG_TGZ), 30_000):
            piece = BIG_TGZ[at : at + 30_000]
            request.handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        request.handler.wfile.write(b"0\r\n\r\n")

    assert tree(resolve(server.on("/m", chunked))) == BIG


def test_chunked_encoding_that_is_cut_is_noticed(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "1")

    def chunked(request):
        request.head(200, {"Transfer-Encoding": "chunked"})
        request.handler.wfile.write(b"%x\r\n%b\r\n" % (5000, BIG_TGZ[:5000]))
        request.hang_up()

    assert_fails(server.on("/m", chunked), cache, "(after 2 attempts).")


def test_wrong_type_does_not_matter_when_the_bytes_are_right(server):
    url = server.on("/m", whole(tgz(), content_type="text/html"))
    assert tree(resolve(url)) == MODULE


def test_does_not_appear_to_be_a_valid_module_for_a_captive_portal(server, cache):
    page = b"<!DOCTYPE html><html><head><title> Airport\n WiFi - Sign in </title></head></html>"
    url = server.on("/m/1", lambda request: request.answer(page, content_type="text/html"))
    assert_fails(
        url,
        cache,
        f"{url}?tf-hub-format=compressed answered with a web page titled 'Airport WiFi - Sign in' "
        f"where {compression.KINDS} was expected. It may be the sign-in page of a captive portal or proxy: open the "
        f"address in a "
        f"browser, or set HTTPS_PROXY. Or the host does not speak the hosting protocol "
        f"(tf-hub-format=compressed).",
    )
    assert len(server.log) == 1


def test_does_not_appear_to_be_a_valid_module_for_json(server, cache):
    url = server.on(
        "/m", lambda request: request.answer(b'{"error": "nope"}', content_type="application/json")
    )
    assert_fails(
        url,
        cache,
        f"answered with text where {compression.KINDS} was expected: "
        """'{"error": "nope"}'.""",
    )


def test_does_not_appear_to_be_a_valid_module_for_a_rar(server, cache):
    url = server.on("/m", whole(b"Rar!" + bytes(600)))
    assert_fails(url, cache, "This is a rar archive", ArchiveError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_chains_of_redirects(server, status):
    for step in range(9):
        server.on(f"/{step}", lambda request, step=step: request.redirect(f"/{step + 1}?x=y", status))
    server.on("/9", whole(tgz()))
    assert tree(resolve(server.url("/0"))) == MODULE
    assert len(server.log) == 10


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_loops_of_redirects(server, cache, status):
    server.on("/a", lambda request: request.redirect("/b", status))
    server.on("/b", lambda request: request.redirect("/a?tf-hub-format=compressed", status))
    assert_fails(server.url("/a"), cache, "redirects in a circle, back to")
    assert len(server.log) == 2


def test_redirects_without_end(server, cache):
    for step in range(20):
        server.on(f"/{step}", lambda request, step=step: request.redirect(f"/{step + 1}"))
    assert_fails(server.url("/0"), cache, "redirects more than 10 times")


def test_redirect_to_nowhere(server, cache):
    url = server.on("/m", lambda request: request.answer(b"", 302))
    assert_fails(url, cache, "answered with the redirect 302, but did not say where to")


def test_redirect_to_a_storage_path_names_the_switch(server, cache):
    url = server.on("/m", lambda request: request.redirect("gs://bucket/m"))
    assert_fails(url, cache, "set TFHUB_MODEL_LOAD_FORMAT=UNCOMPRESSED")


def test_403_names_the_token_and_the_mirrors(server, cache):
    url = server.on("/m", lambda request: request.answer(b"", 403))
    assert_fails(
        url, cache, f"set TF1HUB_TOKEN_127_0_0_1_{server.port}; if the module has moved, name a mirror"
    )
    assert len(server.log) == 1


def test_404_says_what_the_host_says(server, cache):
    url = server.on("/m", lambda request: request.answer(b"no\nsuch version", 404, content_type="text/plain"))
    assert_fails(url, cache, "answered 404 Not Found (no such version). There is no such module on this host")
    assert len(server.log) == 1


def test_429_waits_as_long_as_asked(server):
    def busy(request):
        request.answer(b"", 429, retry_after=1)

    url = server.on("/m", in_turn(busy, whole(tgz())))
    started = time.monotonic()
    assert tree(resolve(url)) == MODULE
    assert 1.0 <= time.monotonic() - started < NOT_FOREVER


def test_429_with_a_date(server):
    def busy(request):
        when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
        request.answer(b"", 429, retry_after=when)

    url = server.on("/m", in_turn(busy, whole(tgz())))
    started = time.monotonic()
    assert tree(resolve(url)) == MODULE
    assert 0.5 <= time.monotonic() - started < NOT_FOREVER


def test_429_that_asks_for_hours_is_an_error_at_once(server, cache):
    url = server.on("/m", lambda request: request.answer(b"", 429, retry_after=7200))
    assert_fails(url, cache, "answered 429 Too Many Requests and asks to come back in 7200 seconds.")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_errors_of_the_host_that_pass(server, status):
    def failing(request):
        request.answer(b"", status)

    url = server.on("/m", in_turn(failing, failing, whole(tgz())))
    assert tree(resolve(url)) == MODULE
    assert len(server.log) == 3


def test_errors_of_the_host_that_stay(server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "2")
    url = server.on("/m", lambda request: request.answer(b"", 503))
    assert_fails(url, cache, "answered 503 Service Unavailable (after 3 attempts).")


def test_no_host_at_all_names_proxy_mirror_and_offline(cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "1")
    with serving() as gone:
        url = gone.url("/m")
    message = assert_fails(url, cache, "cannot be reached: Connection refused.")
    for name in ("HTTPS_PROXY", "TF1HUB_MIRRORS", "TF1HUB_OFFLINE=1"):
        assert name in message


def test_unknown_host_name(cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_RETRIES", "1")
    assert_fails("http://no-such-host.invalid/m", cache, "cannot be resolved")


def test_proxy_from_the_environment_is_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url(""))
    url = "http://modules.invalid/P/M/1"
    # A proxy is asked for the whole URL.
    server.acts["http://modules.invalid/P/M/1"] = whole(tgz())
    assert tree(resolve(url)) == MODULE
    assert server.log[0].path == f"{url}?tf-hub-format=compressed"


def test_proxy_password_is_sent_to_the_proxy_and_never_shown(server, cache, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://user:hush@127.0.0.1:{server.port}")
    monkeypatch.setenv("TF1HUB_RETRIES", "0")
    server.acts["http://modules.invalid/m"] = lambda request: request.answer(b"", 407)
    message = assert_fails("http://modules.invalid/m", cache, "The proxy wants a password")
    assert "hush" not in message
    assert server.log[0].headers["Proxy-Authorization"].startswith("Basic ")


def test_proxy_that_is_down_is_named(cache, monkeypatch):
    with serving() as gone:
        monkeypatch.setenv("http_proxy", gone.url(""))
    monkeypatch.setenv("TF1HUB_RETRIES", "0")
    assert_fails("http://modules.invalid/m", cache, "the proxy for http://modules.invalid/m")


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def tls_server(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with serving(context) as running:
        yield running


def test_unknown_authority_is_refused_and_names_the_variable(tls_server, cache):
    url = tls_server.on("/m", whole(tgz()))
    message = assert_fails(url, cache, "is not trusted")
    assert "set TF1HUB_CA_BUNDLE to a file with its authority's certificate" in message


@pytest.mark.parametrize(
    "variable", ["TF1HUB_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
)
def test_given_authority_is_trusted(tls_server, authority, tmp_path, monkeypatch, variable):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv(variable, str(bundle))
    assert tree(resolve(tls_server.on("/m", whole(tgz())))) == MODULE


def test_authority_file_that_is_missing_is_named(tls_server, cache, monkeypatch):
    monkeypatch.setenv("TF1HUB_CA_BUNDLE", "/no/such/file.pem")
    assert_fails(tls_server.url("/m"), cache, "The certificates in /no/such/file.pem cannot be read")


def test_encrypted_to_plain_redirect_is_refused(tls_server, server, authority, cache, tmp_path, monkeypatch):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("TF1HUB_CA_BUNDLE", str(bundle))
    target = server.on("/m", whole(tgz()))
    url = tls_server.on("/m", lambda request: request.redirect(target))
    assert_fails(url, cache, "which is not encrypted")
    assert server.log == []
