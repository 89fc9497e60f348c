"""How a server is run."""

from __future__ import annotations

from typing import NamedTuple

from tf1hub.server.kept_pages import SECONDS


class ServerOptions(NamedTuple):
    """How a server is run.

    Attributes:
        title: what the pages call it.
        read_only: whether nothing can be published, yanked or renamed.
        private: whether reading asks for a token too.
        storage_url: where others find the folder, such as `gs://bucket/models`: the answer to `uncompressed`.
        refresh_seconds: how often the folder is looked at for what was changed by hand.
        keep_seconds: how long a page is handed out again; what other servers of the folder change is seen after it.
        upstreams: hubs whose modules are fetched, kept and served when somebody asks for them.
        try_modules: whether visitors may have the server run modules.
        in_browsers: whether visitors' browsers run modules, where what makes models for them is installed.
        browser_runtime: the directory `dist` of another version of the npm package onnxruntime-web than came along.
        quota_bytes: what one publisher may publish in all; None: no end.
        behind_proxy: whether a proxy of one's own stands before it, whose X-Forwarded-For tells the address of clients.
        access_log: where each request is written to; empty: nowhere, `-`: standard error.
        base_url: where visitors find it, for snippets and the feed; empty: where they asked.
    """

    title: str = "Modules"
    read_only: bool = False
    private: bool = False
    storage_url: str = ""
    refresh_seconds: float = 30.0
    keep_seconds: float = SECONDS
    upstreams: tuple[str, ...] = ()
    try_modules: bool = False
    in_browsers: bool = True
    browser_runtime: str = ""
    quota_bytes: int | None = None
    access_log: str = ""
    behind_proxy: bool = False
    base_url: str = ""

    def base_of(self, asked: object) -> str:
        """The address that pages give of the hub, without a slash at its end."""
        return (self.base_url or str(asked)).rstrip("/")
