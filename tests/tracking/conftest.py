"""W&B's files as its own command line reads them, and as much of its server as a run needs that logs rows."""

import gzip
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from rlvision.tracking.jsonl import NOT_FINITE
from rlvision.tracking.metrics import MEDIA

VIEWER = {"id": "viewer", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}
PROJECT = {"id": "project", "name": "rlvision", "entity": {"id": "entity", "name": "me"}}


@pytest.fixture(scope="session")
def fragments():
    """W&B's files of a run folder, the oldest first."""
    return _fragments


def _fragments(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/*run-*/*.wandb"), key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="session")
def inspect():
    """The records of a file."""
    return _inspect


def _inspect(path: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def rows():
    """The rows of a file, with W&B's step; without its other columns, and without what is no number."""
    return _rows


def _rows(path: Path) -> list[dict[str, Any]]:
    items = [record["history"]["item"] for record in _inspect(path) if record["type"] == "history"]
    return [{name: _number(item[name]) for name in item if _is_number(name)} for item in items]


def _is_number(name: str) -> bool:
    """What is no number is spread over several columns: ``q/values.bins``."""
    return name == "_step" or not (name.startswith("_") or name.partition(".")[0] in MEDIA)


def _number(value: Any) -> float:
    return NOT_FINITE[value] if isinstance(value, str) else value


class WandbServer(ThreadingHTTPServer):
    """Rows by run id, and what has been uploaded."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refuse = False  # every question is answered by 401, as for a wrong key
        self.is_cut = False  # nothing is answered at all
        self.lines: dict[str, dict[int, str]] = defaultdict(dict)  # run -> place in its history -> row
        self.uploads: set[str] = set()
        self.sessions: dict[str, int] = defaultdict(int)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def rows(self, run: str) -> list[dict[str, Any]]:
        """The rows of a run in the order of the file, without the columns that W&B adds but its step."""
        rows = [json.loads(line) for _, line in sorted(self.lines[run].items())]
        return [{name: row[name] for name in row if name == "_step" or not name.startswith("_")} for row in rows]

    def take(self, run: str, files: dict[str, Any]) -> None:
        """A piece of the file stream."""
        piece = files.get("wandb-history.jsonl", {"offset": 0, "content": []})
        self.lines[run].update(enumerate(piece["content"], start=piece["offset"]))

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """To a question in GraphQL."""
        if "RunResumeStatus" in query:
            return {"model": {"id": "model", **PROJECT, "bucket": self._bucket(variables["name"])}}
        if "upsertBucket" in query:
            self.sessions[variables["name"]] += 1
            about = {"id": "storage", "name": variables["name"], "displayName": "run", "config": "{}"}
            bucket = {**about, "description": "", "sweepName": None, "project": PROJECT, "historyLineCount": 0}
            return {"upsertBucket": {"bucket": bucket, "inserted": self.sessions[variables["name"]] == 1}}
        if "createRunFiles" in query:
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": "storage", "uploadHeaders": [], "files": files}}
        return {"viewer": VIEWER}

    def _bucket(self, run: str) -> dict[str, Any] | None:
        if run not in self.sessions:
            return None
        lines = [line for _, line in sorted(self.lines[run].items())]
        about = {"id": "storage", "name": run, "displayName": "run", "tags": [], "notes": "", "config": "{}"}
        counts = {"historyLineCount": len(lines), "eventsLineCount": 0, "logLineCount": 0}
        tails = {"historyTail": json.dumps(lines[-1:]), "eventsTail": "[]"}
        return {**about, **counts, **tails, "summaryMetrics": (lines or ["{}"])[-1], "wandbConfig": '{"t": 1}'}


class Handler(BaseHTTPRequestHandler):
    """Hands questions to the server and answers back; where the network is cut it hangs up."""

    server: WandbServer

    def parse_request(self) -> bool:
        return not self.server.is_cut and super().parse_request()

    def do_PUT(self) -> None:
        self._body()
        self.server.uploads.add(self.path.removeprefix("/upload/"))
        self._reply({})

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            asked = json.loads(body)
            self._reply({"data": self.server.answer(asked["query"], asked.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            self.server.take(self.path.split("/")[4], json.loads(body).get("files") or {})
            self._reply({})
        else:
            self._reply({})

    def log_message(self, *_: object) -> None:
        """Nothing is said."""

    def _body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        return gzip.decompress(content) if self.headers.get("content-encoding") == "gzip" else content

    def _reply(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(401 if self.server.refuse else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def wandb_server() -> Iterator[WandbServer]:
    """A server at work meanwhile."""
    with WandbServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
