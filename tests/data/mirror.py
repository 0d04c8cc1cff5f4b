"""A local server of files, which fails as it is told to."""

import hashlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from suite.settings.downloads import Download, RemoteFile


@dataclass
class Mirror:
    """What the server serves, how it fails, and what it was asked for."""

    files: dict[str, bytes]
    port: int = 0
    cut_after: list[int] = field(default_factory=list)
    """How many bytes of a body each of the next requests gets."""
    ranges: bool = True
    lengths: bool = True
    content_type: str = "application/octet-stream"
    asked: list[str | None] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def download(self, **mirrors: tuple[str, ...]) -> Download:
        """The files as they are now; `mirrors` names other paths of a file, by `name_suffix`."""
        files = tuple(
            RemoteFile(
                name=name,
                urls=tuple(map(self.url, mirrors.get(name.replace(".", "_"), (name,)))),
                size=len(data),
                checksum=f"sha256:{hashlib.sha256(data).hexdigest()}",
            )
            for name, data in self.files.items()
        )
        return Download(page=self.url(""), files=files)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, mirror: Mirror, *arguments: Any) -> None:
        self.mirror = mirror
        super().__init__(*arguments)

    def do_GET(self) -> None:
        mirror, wanted = self.mirror, self.headers.get("Range")
        mirror.asked.append(wanted)
        data = mirror.files.get(self.path[1:])
        if data is None:
            self.send_error(404)
            return
        start = 0
        if wanted and mirror.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        if mirror.lengths:
            self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Content-Type", mirror.content_type)
        self.end_headers()
        cut = mirror.cut_after.pop(0) if mirror.cut_after else len(data)
        self.wfile.write(data[start : start + cut])

    def log_message(self, *_: object) -> None:
        pass
