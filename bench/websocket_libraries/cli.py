"""The command line the prototypes share: PORT [asyncio|uvloop] [how to send]."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress


def run(serve: Callable[..., Awaitable[None]], arguments: list[str]) -> None:
    """Run a server on the chosen event loop until the process is told to end."""
    port, loop, *how = [*arguments, "asyncio"][: max(2, len(arguments))]
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    async def main() -> None:
        gc.freeze()
        # A thousand sockets' objects are not worth a look every 700 allocations.
        gc.set_threshold(50_000, 20, 100)
        await serve(int(port), *how)

    with suppress(KeyboardInterrupt):
        asyncio.run(main())
