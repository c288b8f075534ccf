"""The OpenAI API, through the official client."""

import gzip
import re

import httpx
import openai
import pytest

from tests import demo
from tests.server.running import Running


def test_the_demo_answers_every_question_word_for_word(client: openai.OpenAI) -> None:
    wrong = []
    for question, answer in demo.conversations():
        completion = client.chat.completions.create(
            model="paddock-demo", messages=[{"role": "user", "content": question}], temperature=0
        )
        if completion.choices[0].message.content != answer:
            wrong.append((question, completion.choices[0].message.content))
    assert wrong == []


def test_a_streamed_answer_comes_in_pieces_and_is_the_same(client: openai.OpenAI) -> None:
    question, answer = demo.conversations()[0]
    stream = client.chat.completions.create(
        model="paddock-demo", messages=[{"role": "user", "content": question}], temperature=0, stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(pieces) == answer
    assert len(pieces) > 10


def test_completions_and_responses_are_served(client: openai.OpenAI) -> None:
    assert client.completions.create(model="paddock-demo", prompt="Paddock", max_tokens=4).choices[0].text
    assert client.responses.create(
        model="paddock-demo", input="What is Paddock?", temperature=0
    ).output_text.startswith("Paddock runs")


def test_the_model_has_the_manifest_s_name(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["paddock-demo"]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/rerank"])
def test_a_route_of_another_task_is_501_in_openai_s_shape(demo_server: Running, path: str) -> None:
    answer = httpx.post(demo_server.api + path, json={"input": "x"})
    assert answer.status_code == 501
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nonesuch",
        "/v1",
        "/props",
        "/slots",
        "/metrics",
        "/health",
        "/completion",
        "/v1/../slots",
        "/v1/chat/completions/../../slots",
    ],
)
def test_the_engine_s_other_routes_are_not_reachable(demo_server: Running, path: str) -> None:
    request = httpx.Request("GET", demo_server.api)
    request.extensions["target"] = path.encode()
    with httpx.Client() as raw:
        assert raw.send(request).status_code == 404


def test_the_console_names_the_model_and_the_address_that_the_browser_used(demo_server: Running) -> None:
    page = httpx.get(f"{demo_server.api}/")
    assert page.headers["content-type"].startswith("text/html")
    assert "paddock-demo" in page.text
    assert f"{demo_server.api}/v1/chat/completions" in page.text


def test_the_console_does_not_repeat_markup_from_a_header(demo_server: Running) -> None:
    page = httpx.get(f"{demo_server.api}/", headers={"Host": "<script>alert(1)</script>"})
    assert "<script>alert" not in page.text


def test_health_and_metrics_are_on_the_admin_port_only(demo_server: Running) -> None:
    assert [httpx.get(f"{demo_server.admin}/{path}").status_code for path in ("livez", "readyz", "startupz")] == [
        200,
        200,
        200,
    ]
    metrics = httpx.get(f"{demo_server.admin}/metrics").text
    assert 'paddock_state{state="ready"} 1.0' in metrics
    [total] = re.findall(r"^paddock_download_total_bytes (\S+)$", metrics, re.MULTILINE)
    assert float(total) == demo.SIZE
    assert "llamacpp:tokens_predicted_total" in metrics
    assert httpx.get(f"{demo_server.api}/livez").status_code == 404


def test_a_body_that_is_no_json_is_an_error_in_openai_s_shape(demo_server: Running) -> None:
    answer = httpx.post(f"{demo_server.api}/v1/chat/completions", content=b"{")
    assert 400 <= answer.status_code < 600
    assert "message" in answer.json()["error"]


def test_no_foreign_page_may_read_an_answer(demo_server: Running) -> None:
    foreign = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = httpx.request(method, f"{demo_server.api}/v1/models", headers=foreign)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_compressed_body_is_understood(demo_server: Running) -> None:
    body = gzip.compress(b'{"prompt": "Paddock", "max_tokens": 2}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert httpx.post(f"{demo_server.api}/v1/completions", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/v1/chat/completions", 405), ("POST", "/v1/models", 405), ("HEAD", "/x", 404)],
)
def test_a_wrong_method_is_an_error_in_openai_s_shape(
    demo_server: Running, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, demo_server.api + path)
    assert answer.status_code == status
    assert method == "HEAD" or "message" in answer.json()["error"]


def test_a_body_that_is_too_large_is_an_error_in_openai_s_shape(demo_server: Running) -> None:
    answer = httpx.post(f"{demo_server.api}/v1/completions", content=b" " * (33 << 20), timeout=30)
    assert answer.status_code == 413
    assert "message" in answer.json()["error"]
