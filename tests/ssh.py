"""SSH on the loopback: a server that runs programs on terminals, and a user at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import time
from collections.abc import AsyncIterator

import asyncssh
import pyte

from tests.terminal import Terminal

PATIENCE = 60.0


class Server:
    """Runs commands on terminals; when a connection is lost, its terminal is closed."""

    def __init__(self) -> None:
        self.host_key, self.user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in "ab")
        self.terminals: list[Terminal] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Server]:
        authorized = asyncssh.import_authorized_keys(self.user_key.export_public_key().decode())
        listener = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.host_key],
            authorized_client_keys=authorized,
            process_factory=self._serve,
            encoding=None,
            config=None,
        )
        self.port = listener.get_port()
        try:
            yield self
        finally:
            listener.close()
            for terminal in self.terminals:
                terminal.__exit__()

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        columns, rows, *_ = process.term_size
        command = shlex.split(process.command or "")
        terminal = Terminal(command, columns, rows, SSH_CONNECTION="127.0.0.1 1 127.0.0.1 22")
        self.terminals.append(terminal)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def said() -> None:
            try:
                data = os.read(terminal.fd, 65536)
            except OSError:  # the other side is gone
                data = b""
            if data and not process.is_closing():
                process.stdout.write(data)
            else:
                loop.remove_reader(terminal.fd)
                ended.set()

        async def typed() -> None:
            with contextlib.suppress(asyncssh.Error):
                while data := await process.stdin.read(1024):
                    os.write(terminal.fd, data)
            if not ended.is_set():
                loop.remove_reader(terminal.fd)
                ended.set()

        loop.add_reader(terminal.fd, said)
        typing = asyncio.create_task(typed())
        await ended.wait()
        typing.cancel()
        terminal.hang_up()
        while not process.is_closing() and terminal.status is None:
            await asyncio.sleep(0.02)
        if not process.is_closing():
            process.exit(terminal.status or 0)


class Seat:
    """A user at the other end of a connection."""

    def __init__(self, connection: asyncssh.SSHClientConnection, columns: int, rows: int) -> None:
        self.connection = connection
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._size = columns, rows
        self._program: asyncssh.SSHClientProcess[bytes]

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, server: Server, columns: int = 100, rows: int = 30) -> AsyncIterator[Seat]:
        connection = await asyncssh.connect(
            "127.0.0.1",
            server.port,
            username="somebody",
            client_keys=[server.user_key],
            known_hosts=([server.host_key.convert_to_public()], [], []),
            config=None,
        )
        try:
            yield cls(connection, columns, rows)
        finally:
            connection.abort()
            await connection.wait_closed()

    async def start(self, command: list[str]) -> None:
        self._program = await self.connection.create_process(
            shlex.join(command), term_type="xterm-256color", term_size=self._size, encoding=None
        )

    def type(self, keys: str) -> None:
        self._program.stdin.write(keys.encode())

    async def wait_for(self, wanted: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while wanted not in "\n".join(self._screen.display):
            assert time.monotonic() < deadline, "\n".join(self._screen.display)
            with contextlib.suppress(asyncio.TimeoutError):
                data = await asyncio.wait_for(self._program.stdout.read(65536), 0.5)
                assert data, "the program ended:\n" + "\n".join(self._screen.display)
                self._stream.feed(data)

    async def wait_for_exit(self) -> int:
        done = await asyncio.wait_for(self._program.wait(), PATIENCE)
        assert done.returncode is not None
        return done.returncode

    async def cut(self) -> None:
        """Drop the connection without closing it."""
        self.connection.abort()
        await self.connection.wait_closed()
