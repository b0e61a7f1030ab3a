"""The app on a port of its own, for the benchmarks that need it running."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class AppServer:
    """`streamlit run app.py`, ready when entered and ended when left; `options` go to its command line.

    It has a port of its own, or `port`, for one that takes the place of another.
    """

    def __init__(
        self,
        *options: str,
        script: Path = ROOT / "app.py",
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self._wanted = port
        self.options, self.script, self.environment = options, script, environment or {}

    def __enter__(self) -> AppServer:
        self.port = self._wanted or _free_port()
        self.url = f"http://localhost:{self.port}"
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(self.script),
            "--server.port",
            str(self.port),
        ]
        self.process = subprocess.Popen(
            [*command, "--server.headless", "true", "--server.fileWatcherType", "none", *self.options],
            cwd=self.script.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.2)
        raise subprocess.SubprocessError("the app did not start")

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def memory(self) -> float:
        """Resident memory of the server in MB."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6
