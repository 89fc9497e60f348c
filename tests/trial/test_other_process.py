"""Files opened in other processes: new ones, and forks of one that is kept."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fresh_process import printed

from tf1hub.trial import process_template
from tf1hub.trial.other_process import OtherProcess

KEPT = ("json",)
KINDS = [None, KEPT]
forks = pytest.mark.skipif(not process_template.HAS_FORKS, reason="no templates on this system")


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words"
    path.write_text("a b c")
    return str(path)


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("imports", KINDS)
def test_calls_are_answered_by_another_process_that_has_no_tensorflow(
    imports: tuple[str, ...] | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLD", "now")
    with OtherProcess("trial.openers:open_words", words, imports) as process:
        first, second = process("-"), process("")
    assert first[0] == "a-b-c"
    assert second[0] == "abc"
    assert first[1:] == second[1:]
    assert first[2] != os.getpid()
    assert first[3] == "now"


@pytest.mark.parametrize("imports", KINDS)
def test_failures_are_told(imports: tuple[str, ...] | None, words: str) -> None:
    with OtherProcess("trial.openers:open_words", words, imports) as process:
        with pytest.raises(RuntimeError, match="'int' object has no attribute 'join'"):
            process(3)
        assert process("+")[0] == "a+b+c"
    with OtherProcess("trial.openers:open_words", f"{words}.gone", imports) as process:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"it cannot be opened: .*No such file or directory"):
                process("")
    with (
        OtherProcess("trial.openers:open_crash", words, imports) as process,
        pytest.raises(RuntimeError, match=r"the process that runs it ended \(7\)"),
    ):
        process(7)


@forks
def test_one_process_is_kept_and_no_file_finds_what_another_left(words: str) -> None:
    with (
        OtherProcess("trial.openers:open_words", words, KEPT) as first,
        OtherProcess("trial.openers:open_words", words, KEPT) as second,
    ):
        found = first(""), second("")
        template = process_template.start_template(KEPT)
    assert found[0][1] == found[1][1] == [words]
    assert found[0][2] != found[1][2]
    with OtherProcess("trial.openers:open_words", words, KEPT) as third:
        assert third("")[1] == [words]
    assert process_template.start_template(KEPT) is template


@forks
def test_where_the_kept_process_has_ended_a_new_one_starts(words: str) -> None:
    template = process_template.start_template(KEPT)
    os.kill(template.number, signal.SIGKILL)
    with OtherProcess("trial.openers:open_words", words, KEPT) as process:
        assert process("")[0] == "abc"
    assert process_template.start_template(KEPT) is not template


@forks
def test_a_kept_process_that_cannot_import_is_told_at_the_call(words: str) -> None:
    with (
        OtherProcess("trial.openers:open_words", words, ("no_such_module",)) as process,
        pytest.raises(RuntimeError, match="the process that was to run it ended while it was made ready"),
    ):
        process("")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("imports", KINDS)
def test_an_interrupted_call_leaves_no_process(imports: tuple[str, ...] | None, tmp_path: Path) -> None:
    # What a shell starts in the background ignores the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    file = tmp_path / "number"

    def interrupt() -> None:
        wait_for(lambda: file.exists() and file.read_text() != "")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def call() -> None:
        with OtherProcess("trial.openers:open_sleeper", str(file), imports) as process:
            threading.Thread(target=interrupt).start()
            process()

    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for(lambda: not is_alive(int(file.read_text())))


@forks
def test_all_processes_end_with_the_one_that_asked(tmp_path: Path) -> None:
    program = (
        "import os, sys, threading, time\n"
        "from tf1hub.trial.other_process import OtherProcess\n"
        "from tf1hub.trial.process_template import start_template\n"
        "process = OtherProcess('trial.openers:open_sleeper', sys.argv[1], ('json',))\n"
        "threading.Thread(target=process, daemon=True).start()\n"
        "while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read(): time.sleep(0.01)\n"
        "print(start_template(('json',)).number, open(sys.argv[1]).read(), flush=True)\n"
        "os._exit(0)\n"  # as a killed one, which cannot end anything
    )
    numbers = printed(program, str(tmp_path / "number")).split()
    assert len(numbers) == 2
    wait_for(lambda: not any(is_alive(int(number)) for number in numbers))
