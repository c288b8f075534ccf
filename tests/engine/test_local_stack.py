"""The local stack through the real Pulumi engine."""

import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import openai

from tests import demo
from tests.engine import checkout
from tests.engine.checkout import Checkout, wait_for


def ask(project: Checkout) -> str | None:
    question, _ = demo.conversations()[0]
    with openai.OpenAI(base_url=f"{project.outputs()['endpoint']}/v1", api_key="none") as client:
        answer = client.chat.completions.create(
            model="paddock-demo", messages=[{"role": "user", "content": question}], temperature=0
        )
    return answer.choices[0].message.content


def test_up_answers_and_destroy_leaves_nothing(up: Checkout) -> None:
    assert ask(up) == demo.conversations()[0][1]
    [server], [engine] = up.servers(), up.engines()
    up.pulumi("destroy", "--yes", "--skip-preview")
    assert not Path(f"/proc/{server}").exists() or server not in up.servers()
    assert engine not in up.engines()
    for port in (up.port, up.admin_port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_unchanged_is_no_diff_also_after_the_provider_s_code_changed(up: Checkout) -> None:
    before = up.servers()
    assert "3 unchanged" in up.pulumi("preview", "--diff", "--expect-no-changes")
    for name in ("local_server.py", "local_lifecycle.py", "engine_watch.py"):
        source = up.folder / "components" / name
        source.write_text(
            source.read_text().replace('"""', '"""Edited. ', 1) + "\n\ndef added() -> int:\n    return 1\n"
        )
    assert "3 unchanged" in up.pulumi("preview", "--diff", "--expect-no-changes")
    assert "3 unchanged" in up.up()
    assert up.servers() == before


def test_a_preview_starts_and_stops_nothing(up: Checkout) -> None:
    before = (up.servers(), up.engines())
    up.configure(context=512)
    assert "1 to update" in up.pulumi("preview")
    assert (up.servers(), up.engines()) == before
    up.pulumi("destroy", "--yes", "--skip-preview")
    assert "3 to create" in up.pulumi("preview")
    assert (up.servers(), up.engines()) == ([], [])


def test_a_changed_model_setting_or_port_restarts_the_server(up: Checkout) -> None:
    for change in ({"context": 1024}, {"parallel": 3}, {"kvCache": "q8_0"}, {"port": checkout.ports.free(1)[0]}):
        before = up.servers()
        up.configure(**change)
        assert "1 updated" in up.up(), change
        assert len(up.servers()) == 1, change
        assert up.servers() != before, change
        assert ask(up) == demo.conversations()[0][1], change


def test_a_dead_server_is_seen_by_refresh_and_healed_by_up(up: Checkout) -> None:
    os.kill(up.servers()[0], signal.SIGKILL)
    up.wait_for_none()
    assert "1 deleted" in up.pulumi("refresh", "--yes", "--skip-preview")
    assert "1 created" in up.up()
    assert ask(up) == demo.conversations()[0][1]


def test_a_dead_server_is_healed_by_up_without_a_refresh(up: Checkout) -> None:
    os.kill(up.servers()[0], signal.SIGKILL)
    up.wait_for_none()
    assert "1 updated" in up.up()
    assert ask(up) == demo.conversations()[0][1]


def test_a_dead_engine_is_no_change_of_the_stack(up: Checkout) -> None:
    os.kill(up.engines()[0], signal.SIGKILL)
    assert "3 unchanged" in up.pulumi("refresh", "--yes", "--skip-preview")
    wait_for(lambda: bool(up.engines()))
    time.sleep(1)
    assert ask(up) == demo.conversations()[0][1]


def test_two_stacks_live_side_by_side(up: Checkout) -> None:
    second = Checkout(up.folder, "beside")
    second.configure()
    second.pulumi("stack", "init", "--no-select")
    second.up()
    assert len(up.servers()) == 2
    assert ask(second) == ask(up) == demo.conversations()[0][1]
    second.pulumi("destroy", "--yes", "--skip-preview", "--remove")
    assert len(up.servers()) == 1
    assert ask(up) == demo.conversations()[0][1]


def test_ctrl_c_during_up_leaves_no_orphan_and_a_stack_that_can_be_run_again(endless_engine: Checkout) -> None:
    project = endless_engine
    with project.start("up", "--yes", "--skip-preview") as process:
        wait_for_server(project)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "cancelled before the server was ready" in output
    project.wait_for_none()
    heal(project)
    assert "created" in project.up()


def test_kill_9_of_pulumi_during_up_leaves_no_orphan_and_make_up_recovers(endless_engine: Checkout) -> None:
    project = endless_engine
    with project.start("up", "--yes", "--skip-preview") as process:
        wait_for_server(project)
        process.kill()
    project.wait_for_none()
    heal(project)
    answer = project.tools("up")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "An earlier run was interrupted" in answer.stdout
    assert ask(project) == demo.conversations()[0][1]


def test_a_server_that_fails_to_start_fails_up_with_its_own_sentence(up: Checkout) -> None:
    up.pulumi("destroy", "--yes", "--skip-preview")
    source = up.folder / "registry" / "models.yaml"
    source.write_text(source.read_text().replace(demo.SHA256, "f" * 64))
    (up.folder / ".paddock" / "models" / "paddock-demo" / "paddock-demo.gguf").unlink()
    output = up.up(fails=True)
    assert f"sha256 {demo.SHA256}" in output and "f" * 64 in output
    assert "Traceback" not in output
    up.wait_for_none()


def test_a_busy_port_fails_the_preview_and_is_named(up: Checkout) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        up.configure(port=holder.getsockname()[1], replcas=1)
        output = up.pulumi("preview", fails=True)
    assert "paddock:port" in output and "in use" in output and "paddock:replcas" in output
    assert "Traceback" not in output


def test_the_log_is_a_file_with_the_engine_s_words(up: Checkout) -> None:
    assert "listening" in Path(up.outputs()["log"]).read_text()


def test_the_console_is_a_page(up: Checkout) -> None:
    with urllib.request.urlopen(up.outputs()["console"]) as page:
        assert b"paddock-demo" in page.read()


def wait_for_server(project: Checkout) -> None:
    wait_for(lambda: bool(project.servers()))
    time.sleep(1)


def heal(project: Checkout) -> None:
    """Puts the real llama-server back."""
    program = project.folder / ".venv" / "bin" / "llama-server"
    program.unlink()
    program.symlink_to((checkout.paths.VENV / "bin" / "llama-server").resolve())
