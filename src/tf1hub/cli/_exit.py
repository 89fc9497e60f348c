"""The exit codes of the `tf1hub` command; `docs/cli.md` lists the same."""

from __future__ import annotations

from tf1hub import errors

OK = 0
FOUND_FAULT = 1  # a check that was asked for ran, and found something wrong
USAGE = 2  # also what argparse exits with
TROUBLE = 2  # of `check` and `diff`, whose 0 and 1 are answers: there is no answer, as diff(1) has it
UNAVAILABLE = 3
OFFLINE = 4
REFUSED_CONTENT = 5
NOT_A_MODULE = 6
MISSING_DEPENDENCY = 7
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE

# The first class that fits decides, so subclasses come before their bases.
_BY_ERROR: tuple[tuple[type[BaseException], int], ...] = (
    (errors.OfflineError, OFFLINE),
    (errors.PinError, REFUSED_CONTENT),
    (errors.ArchiveError, REFUSED_CONTENT),
    (errors.TrustError, REFUSED_CONTENT),
    (errors.ResolveError, UNAVAILABLE),
    (errors.FormatError, NOT_A_MODULE),
    (errors.MissingDependencyError, MISSING_DEPENDENCY),
    (errors.HandleError, USAGE),
    (errors.UnknownNameError, USAGE),
    (errors.InputError, USAGE),
    (errors.Error, FOUND_FAULT),
)


def code_of(error: BaseException) -> int:
    """Returns the exit code for an error that ended a verb."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return FOUND_FAULT
