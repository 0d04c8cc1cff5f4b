"""A server of files on this machine, for the tests of downloads."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer

import pytest

from suite.data import download
from tests.data.mirror import Handler, Mirror


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """It serves nothing yet; files come in pieces of 1,000 bytes."""
    monkeypatch.setattr(download, "CHUNK", 1000)
    monkeypatch.setenv("no_proxy", "*")
    served = Mirror(files={})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, served)) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        server.shutdown()
        thread.join()
