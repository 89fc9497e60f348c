"""The index of a folder: a cache in SQLite, with full-text search. It may be thrown away at any time."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tf1hub.errors import RepositoryError
from tf1hub.repository.module_names import ModuleName, VersionName
from tf1hub.repository.record import DAMAGED, FACETS, YANKED, Found, Record, size_class

_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE versions (
  publisher TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
  stamp TEXT NOT NULL, page_stamp TEXT NOT NULL, status TEXT NOT NULL, record TEXT NOT NULL,
  details BLOB NOT NULL,
  PRIMARY KEY (publisher, name, version)
);
CREATE TABLE modules (
  id INTEGER PRIMARY KEY, publisher TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, published TEXT NOT NULL,
  UNIQUE (publisher, name)
);
CREATE TABLE facets (module INTEGER NOT NULL, facet TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX facets_by_value ON facets (facet, value, module);
CREATE INDEX facets_by_module ON facets (module);
CREATE VIRTUAL TABLE words USING fts5(handle, signatures, page, prefix='2 3 4', tokenize="unicode61 remove_diacritics 2");
"""
_WORD = re.compile(r"\w+")
_MAX_QUERY_WORDS = 12
_MAX_VALUES = 100
_BUSY_SECONDS = 30.0
# What SQLite says of a file that somebody took away or wrote over.
_LOST = ("disk i/o", "readonly", "unable to open", "malformed", "no such table")


class FolderIndex:
    """What is known of each version, and which modules match some words.

    Threads may share it; so may processes, of one machine.

    Args:
        path: of the file; made anew where it is missing, damaged, or of another version of tf1hub.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._local = threading.local()
        self._generation = 0
        self._rebuild = threading.Lock()
        self._all: list[sqlite3.Connection] = []
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with self._connected():
            pass

    def close(self) -> None:
        """Closes the connections of all threads; they are opened again where they are needed."""
        with self._rebuild:
            self._generation += 1
            for connection in self._all:
                connection.close()
            self._all.clear()

    def stamps(self) -> dict[VersionName, tuple[str, str]]:
        """For each version its stamp and that of its page."""
        with self._connected() as connection:
            rows = connection.execute("SELECT publisher, name, version, stamp, page_stamp FROM versions")
            return {VersionName(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}

    def record(self, name: VersionName) -> tuple[Record, str, str] | None:
        """What is known of a version, with its two stamps."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT record, stamp, page_stamp FROM versions WHERE publisher=? AND name=? AND version=?",
                name,
            ).fetchone()
        return None if row is None else (_record(row[0]), row[1], row[2])

    def details(self, name: VersionName) -> dict[str, Any] | None:
        """All that was found when a version was looked at."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT details FROM versions WHERE publisher=? AND name=? AND version=?", name
            ).fetchone()
        if row is None:
            return None
        found: dict[str, Any] = json.loads(zlib.decompress(row[0]))
        return found

    def versions(self, module: ModuleName) -> list[Record]:
        """All versions of a module, the newest first."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT record FROM versions WHERE publisher=? AND name=? ORDER BY version DESC", module
            ).fetchall()
        return [_record(row[0]) for row in rows]

    def newest(self, count: int) -> list[Record]:
        """The versions that were published last."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT record FROM versions WHERE status = 'ok' "
                "ORDER BY json_extract(record, '$.published') DESC, version DESC LIMIT ?",
                [count],
            ).fetchall()
        return [_record(row[0]) for row in rows]

    def publishers(self) -> dict[str, int]:
        """Each publisher with the number of modules."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT publisher, count(*) FROM modules GROUP BY publisher ORDER BY publisher"
            )
            return dict(rows.fetchall())

    def bytes_of(self, publisher: str) -> int:
        """The bytes of all versions of a publisher."""
        with self._connected() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(json_extract(record, '$.bytes')), 0) FROM versions WHERE publisher=?",
                [publisher],
            ).fetchone()
        return int(row[0])

    def counts(self) -> dict[str, int]:
        """How many versions have each status."""
        with self._connected() as connection:
            return dict(
                connection.execute("SELECT status, count(*) FROM versions GROUP BY status").fetchall()
            )

    def put(self, record: Record, stamps: tuple[str, str], details: Mapping[str, Any], page: str) -> None:
        """Writes down what was found out about a version."""
        plain = json.dumps(record.to_dict(), ensure_ascii=False)
        packed = zlib.compress(json.dumps(details, ensure_ascii=False).encode(), 6)
        with self._connected() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT OR REPLACE INTO versions VALUES (?,?,?,?,?,?,?,?)",
                (*record.name, *stamps, record.status, plain, packed),
            )
            self._update_module(connection, record.module, {record.version: (details.get("words", ""), page)})

    def remove(self, names: Iterable[VersionName]) -> None:
        """Forgets versions that are gone."""
        with self._connected() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            for name in names:
                connection.execute("DELETE FROM versions WHERE publisher=? AND name=? AND version=?", name)
                self._update_module(connection, name.module, {})

    def _update_module(
        self, connection: sqlite3.Connection, module: ModuleName, words: Mapping[int, tuple[str, str]]
    ) -> None:
        """Makes the newest version what searches find: one that is whole, else one that is not."""
        rows = connection.execute(
            "SELECT record FROM versions WHERE publisher=? AND name=? "
            "ORDER BY CASE status WHEN 'ok' THEN 0 WHEN 'damaged' THEN 1 ELSE 2 END, version DESC LIMIT 1",
            module,
        ).fetchall()
        before = connection.execute(
            "SELECT id, version FROM modules WHERE publisher=? AND name=?", module
        ).fetchone()
        chosen = _record(rows[0][0]) if rows else None
        if chosen is not None and chosen.status == YANKED:
            chosen = None  # none but yanked ones are left: old handles work, and searches do not find it
        if before is not None:
            kept = connection.execute(
                "SELECT signatures, page FROM words WHERE rowid=?", [before[0]]
            ).fetchone()
            words = {before[1]: tuple(kept or ("", "")), **words}
            for table, key in (("facets", "module"), ("words", "rowid"), ("modules", "id")):
                connection.execute(f"DELETE FROM {table} WHERE {key}=?", [before[0]])
        if chosen is None:
            return
        cursor = connection.execute(
            "INSERT INTO modules (publisher, name, version, published) VALUES (?,?,?,?)",
            # What nobody can use comes behind all else.
            (*chosen.name, "" if chosen.status == DAMAGED else chosen.published),
        )
        signatures, page = words.get(chosen.version) or self._words_of(connection, chosen.name)
        # Parts of names are words too: `dim50` of `nnlm-en-dim50`, and the whole.
        connection.execute(
            "INSERT INTO words (rowid, handle, signatures, page) VALUES (?,?,?,?)",
            (cursor.lastrowid, f"{module} {str(module).replace('_', ' ')}", signatures, page),
        )
        connection.executemany(
            "INSERT INTO facets VALUES (?,?,?)",
            [
                (cursor.lastrowid, facet, value)
                for facet, values in facets_of(chosen).items()
                for value in values
            ],
        )

    def _words_of(self, connection: sqlite3.Connection, name: VersionName) -> tuple[str, str]:
        row = connection.execute(
            "SELECT details FROM versions WHERE publisher=? AND name=? AND version=?", name
        ).fetchone()
        details = json.loads(zlib.decompress(row[0]))
        return details.get("words", ""), details.get("page_words", "")

    def search(
        self,
        query: str = "",
        facets: Mapping[str, Iterable[str]] | None = None,
        *,
        limit: int = 50,
        offset: int = 0,
        publishers: Iterable[str] | None = None,
    ) -> Found:
        """The modules that have all words, or words that begin so, and one of the chosen values of each facet.

        Args:
            query: words; empty for all modules, the newest first.
            facets: for each facet the values of which a module has to have one.
            limit: how many records are given.
            offset: how many are passed over.
            publishers: whose modules may be told of; None: everybody's.
        """
        chosen = {facet: list(values) for facet, values in (facets or {}).items() if facet in FACETS}
        words = _WORD.findall(query)[:_MAX_QUERY_WORDS]
        if query.strip() and not words:
            return Found((), 0, {})
        conditions: list[str] = []
        arguments: list[Any] = []
        source, order = "modules m", "m.published DESC, m.publisher, m.name"
        if publishers is not None:
            allowed = list(publishers)
            conditions.append(f"m.publisher IN ({','.join('?' * len(allowed))})")
            arguments += allowed
        with self._connected() as connection:
            if words:
                _find_hits(connection, words)
                # A cross join keeps its order: what was found decides what is looked up, never the other way round.
                source, order = (
                    "temp.hits h CROSS JOIN modules m ON m.id = h.id",
                    "h.rank, m.publisher, m.name",
                )
            text, values = _where(conditions, arguments, chosen, None)
            total = connection.execute(f"SELECT count(*) FROM {source} WHERE {text}", values).fetchone()[0]
            names = connection.execute(
                f"SELECT m.publisher, m.name, m.version FROM {source} WHERE {text} ORDER BY {order} LIMIT ? OFFSET ?",
                [*values, max(0, limit), max(0, offset)],
            ).fetchall()
            rows = [
                connection.execute(
                    "SELECT record FROM versions WHERE publisher=? AND name=? AND version=?", name
                ).fetchone()
                for name in names
            ]
            facet_rows = _count_facets(connection, source, text, values, everything=text == "1" and not words)
            for facet in chosen:
                # A facet's own choice does not narrow its counts: one may choose a second value of it.
                text, values = _where(conditions, arguments, chosen, facet)
                own = _count_facets(connection, source, text, values, everything=text == "1" and not words)
                facet_rows = [row for row in facet_rows if row[0] != facet] + [
                    row for row in own if row[0] == facet
                ]
        counts: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}
        for facet, value, count in sorted(facet_rows, key=lambda row: (-row[2], row[1])):
            if len(counts[facet]) < _MAX_VALUES:
                counts[facet][value] = count
        return Found(tuple(_record(row[0]) for row in rows if row is not None), total, counts)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection of this thread; a file that turns out to be damaged is made anew, and the work fails once."""
        connection = self._connection()
        try:
            yield connection
        except sqlite3.DatabaseError as error:
            is_passing = isinstance(error, sqlite3.OperationalError)
            if not is_passing or any(words in str(error).lower() for words in _LOST):
                self._start_over(self._generation)
            raise RepositoryError(f"The index {self.path} cannot be used: {error}. Try again.") from error

    def _connection(self) -> sqlite3.Connection:
        found: tuple[int, sqlite3.Connection] | None = getattr(self._local, "connection", None)
        if found is not None and found[0] == self._generation and os.path.exists(self.path):
            return found[1]
        if found is not None:
            found[1].close()
        generation = self._generation
        try:
            connection = self._open()
        except sqlite3.DatabaseError:
            self._start_over(generation)
            connection = self._open()
        self._local.connection = (self._generation, connection)
        with self._rebuild:
            self._all.append(connection)
        return connection

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("BEGIN IMMEDIATE")
                # Somebody else may have made it meanwhile.
                if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in _SCHEMA.split(";\n"):
                        if statement.strip():
                            connection.execute(statement)
                    connection.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
                connection.execute("COMMIT")
            elif version != _SCHEMA_VERSION:
                raise sqlite3.DatabaseError(f"an index of version {version}")
            # The index is a cache: what a crash of the machine takes away is found again.
            connection.execute("PRAGMA synchronous=OFF")
        except BaseException as error:
            connection.close()
            if "fts5" in str(error):
                raise RepositoryError(
                    "The SQLite of this process has no full-text search (FTS5). TensorFlow brings such a one: import sqlite3 "
                    "before tensorflow, or use the repository in a process of its own."
                ) from error
            raise
        return connection

    def _start_over(self, generation: int) -> None:
        with self._rebuild:
            if generation != self._generation:
                return
            self._generation += 1
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    os.unlink(self.path + suffix)


def facets_of(record: Record) -> dict[str, tuple[str, ...]]:
    """The values that a module has of each facet."""
    return {
        "task": record.tasks,
        "dtype": record.dtypes,
        "fine_tunable": ("yes" if record.fine_tunable else "no",),
        "publisher": (record.name.publisher,),
        "size": (size_class(record.bytes),),
        "tensorflow": record.tensorflow,
        "status": (record.status,),
    }


def _find_hits(connection: sqlite3.Connection, words: list[str]) -> None:
    """Writes down, for this connection alone, which modules have all words, and how well."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS hits (id INTEGER PRIMARY KEY, rank REAL NOT NULL)")
    connection.execute("DELETE FROM temp.hits")
    connection.execute(
        "INSERT INTO temp.hits SELECT rowid, bm25(words, 12.0, 4.0, 1.0) FROM words WHERE words MATCH ?",
        [" ".join(f'"{word}"*' for word in words)],
    )


def _count_facets(
    connection: sqlite3.Connection, source: str, text: str, values: list[Any], *, everything: bool
) -> list[tuple[str, str, int]]:
    """How many of what was found have each value of each facet."""
    if everything:
        return connection.execute(
            "SELECT facet, value, count(*) FROM facets GROUP BY facet, value"
        ).fetchall()
    return connection.execute(
        f"SELECT f.facet, f.value, count(*) FROM {source} CROSS JOIN facets f ON f.module = m.id WHERE {text} "
        "GROUP BY f.facet, f.value",
        values,
    ).fetchall()


def _where(
    conditions: list[str], arguments: list[Any], chosen: Mapping[str, list[str]], but: str | None
) -> tuple[str, list[Any]]:
    parts, values = list(conditions) or ["1"], list(arguments)
    for facet, wanted in chosen.items():
        if facet == but or not wanted:
            continue
        marks = ",".join("?" * len(wanted))
        parts.append(f"m.id IN (SELECT module FROM facets WHERE facet = ? AND value IN ({marks}))")
        values += [facet, *wanted]
    return " AND ".join(parts), values


def _record(text: str) -> Record:
    plain = json.loads(text)
    name = VersionName(plain.pop("publisher"), plain.pop("name"), plain.pop("version"))
    del plain["handle"]
    for key in ("tasks", "dtypes", "tensorflow", "needs"):
        plain[key] = tuple(plain[key])
    return Record(name=name, **plain)
