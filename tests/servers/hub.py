"""A hub on loopback that serves one checkpoint folder the way huggingface.co does."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """One repository, `name`, with the files of `folder`. `served` lists the files that were sent."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.served: list[str] = []
        self.endpoint = ""

    def answer(self, path: str) -> tuple[HTTPStatus, dict[str, str], bytes]:
        """Status, headers and body for a path."""
        route = path.partition("?")[0]
        if route.startswith(f"/api/models/{self.name}/tree/"):
            return self._json(self._tree())
        if route in {f"/api/models/{self.name}", f"/api/models/{self.name}/revision/main"}:
            siblings = [{"rfilename": file.name} for file in self._files()]
            return self._json({"id": self.name, "sha": COMMIT, "siblings": siblings})
        prefix = f"/{self.name}/resolve/{COMMIT}/"
        file = self.folder / route.removeprefix(prefix)
        if route.startswith(prefix) and file.is_file():
            content = file.read_bytes()
            etag = hashlib.sha1(content).hexdigest()  # noqa: S324  git's own
            return HTTPStatus.OK, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, content
        missing = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
        return HTTPStatus.NOT_FOUND, missing, b"{}"

    @contextmanager
    def serving(self) -> Iterator[FakeHub]:
        """Serve on a free port of loopback until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def _tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": file.name}
            for file in self._files()
        ]

    @staticmethod
    def _json(value: object) -> tuple[HTTPStatus, dict[str, str], bytes]:
        return HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

        def _answer(self, *, body: bool) -> None:
            status, headers, content = hub.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)
                if "/resolve/" in self.path:
                    hub.served.append(self.path.rpartition("/")[2])

    return Handler
