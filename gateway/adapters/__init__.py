"""How models are asked: straight over HTTP where a provider speaks OpenAI's protocol, through LiteLLM otherwise."""

from gateway.adapters.direct import DirectAdapter
from gateway.adapters.lite import LiteAdapter, close_clients
from gateway.adapters.sessions import close_sessions
from gateway.adapters.timeouts import Timeouts
from gateway.directory import DIRECT
from gateway.protocol import Adapter, Target


def adapter_for(target: Target) -> Adapter:
    """The adapter that the target names, with its timeouts."""
    return DirectAdapter(Timeouts.of(target)) if target.adapter == DIRECT else LiteAdapter(Timeouts.of(target))


async def aclose() -> None:
    """Close the connections of the running event loop, at shutdown."""
    await close_sessions()
    await close_clients()
