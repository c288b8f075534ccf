"""One server with the demo model for all tests that only talk to it."""

from collections.abc import Iterator

import openai
import pytest

from tests import demo
from tests.server.running import Running, server


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with server(tmp_path_factory.mktemp("demo"), demo.manifest()) as running:
        running.wait_for("ready")
        yield running


@pytest.fixture
def client(demo_server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{demo_server.api}/v1", api_key="none", max_retries=0) as client:
        yield client
