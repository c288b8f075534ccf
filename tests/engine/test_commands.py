"""`make up`, `make down` and `make status`, as a user runs them."""

import os
import signal
import subprocess
from pathlib import Path

from tests import demo
from tests.engine import checkout
from tests.engine.checkout import Checkout, wait_for


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_up_prints_a_curl_line_that_works_as_printed(up: Checkout) -> None:
    printed = up.tools("up").stdout
    [line] = [line.strip() for line in printed.splitlines() if line.strip().startswith("curl ")]
    answer = subprocess.run(["bash", "-c", f"{line} -s"], capture_output=True, text=True).stdout
    assert demo.conversations()[0][1] in answer


def test_a_second_up_says_that_all_is_up_and_changes_nothing(up: Checkout) -> None:
    before = up.servers()
    answer = up.tools("up")
    assert answer.returncode == 0
    assert "All is up" in answer.stdout
    assert up.servers() == before


def test_up_and_down_leave_the_stack_s_file_and_the_user_s_home_as_they_were(project: Checkout) -> None:
    content = project.stack_file.read_bytes()
    before = files(project.folder) - {".paddock"}
    assert project.tools("up").returncode == 0
    assert project.tools("down").returncode == 0
    assert project.stack_file.read_bytes() == content
    assert list(project.home.rglob("*")) == []
    left = {path for path in files(project.folder) - before if "__pycache__" not in path}
    assert {path.split("/")[1] for path in left if "/" in path} == {"cache-folder", "lock", "models"}, left


def test_down_stops_everything_and_can_be_called_again(up: Checkout) -> None:
    assert "is down" in up.tools("down").stdout
    up.wait_for_none()
    again = up.tools("down")
    assert (again.returncode, again.stdout) == (0, "Nothing is up.\n")


def test_down_keeps_other_stacks_of_the_checkout(up: Checkout) -> None:
    second = Checkout(up.folder, "kept")
    second.configure()
    second.pulumi("stack", "init", "--no-select")
    second.up()
    assert "kept" in up.tools("down").stdout
    assert len(up.servers()) == 1
    second.pulumi("destroy", "--yes", "--skip-preview", "--remove")


def test_status_shows_what_is_served(up: Checkout) -> None:
    shown = up.tools("status").stdout
    assert "ready" in shown and "paddock-demo" in shown and str(up.port) in shown
    up.tools("down")
    assert "Nothing is up" in up.tools("status").stdout


def test_up_with_problems_in_the_configuration_lists_them_and_starts_nothing(project: Checkout) -> None:
    project.configure(replcas=2, model="paddock-dmo")
    answer = project.tools("up")
    assert answer.returncode == 1
    shown = answer.stdout + answer.stderr
    assert "paddock:replcas" in shown and "paddock:model" in shown
    assert "Traceback" not in shown
    assert project.servers() == []


def test_down_stops_a_server_that_pulumi_does_not_know(up: Checkout) -> None:
    """As after a start that was killed at the wrong moment: it runs, and no state tells of it."""
    up.pulumi("stack", "rm", "--yes", "--force", "--preserve-config")
    assert up.servers()
    assert up.tools("down").returncode == 0
    up.wait_for_none()


def test_down_stops_a_server_whose_record_is_lost(up: Checkout) -> None:
    """The stack's state knows the process too."""
    (up.folder / ".paddock" / "local" / "local" / "process.json").write_text("{")
    assert up.tools("down").returncode == 0
    up.wait_for_none()


def test_a_lost_record_is_no_foreign_process(up: Checkout) -> None:
    before = up.servers()
    (up.folder / ".paddock" / "local" / "local" / "process.json").unlink()
    answer = up.tools("up")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert up.servers() == before


def test_down_stops_the_server_also_when_nothing_else_can_be_done(up: Checkout, tmp_path: Path) -> None:
    """A cache that is gone, no Go, no network: Pulumi can't be had, and its state has to wait."""
    nowhere = {"https_proxy": "http://127.0.0.1:1", "GOPROXY": "off", "GOFLAGS": "-mod=mod"}
    up.extra = {"PADDOCK_CACHE": str(tmp_path / "empty"), "PATH": f"{tmp_path}:/usr/bin:/bin"} | nowhere
    try:
        answer = up.tools("down")
    finally:
        up.extra = {}
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "The server is stopped" in answer.stdout
    up.wait_for_none()


def test_down_needs_neither_a_compiler_nor_a_llama_server(up: Checkout, tmp_path: Path) -> None:
    up.extra = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CXX": "none"}
    try:
        answer = up.tools("down")
    finally:
        up.extra = {}
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Compiling" not in answer.stdout
    up.wait_for_none()


def test_down_stops_the_server_when_the_stack_s_file_is_broken(up: Checkout) -> None:
    content = up.stack_file.read_text()
    up.stack_file.write_text("config:\n  - a: [\n")
    try:
        answer = up.tools("down")
    finally:
        up.stack_file.write_text(content)
    assert answer.returncode == 1
    assert "stacks/" in answer.stderr and "The server is stopped" in answer.stdout
    up.wait_for_none()


def test_up_says_when_the_server_does_not_answer(up: Checkout) -> None:
    [pid] = up.servers()
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = up.tools("up")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answer.returncode == 1
    assert "does not answer" in answer.stderr and "All is up" not in answer.stdout


def test_a_killed_launcher_leaves_no_server(endless_engine: Checkout) -> None:
    with endless_engine.start("up", "--yes", "--skip-preview") as process:
        wait_for(lambda: bool(endless_engine.servers()))
        for pid in endless_engine.launchers():
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=30)
    assert process.returncode != 0
    endless_engine.wait_for_none()


def test_a_killed_engine_leaves_no_plugin_behind(endless_engine: Checkout) -> None:
    with endless_engine.start("up", "--yes", "--skip-preview") as process:
        wait_for(lambda: bool(endless_engine.servers()))
        assert endless_engine.plugins()
        process.kill()
    wait_for(lambda: not endless_engine.plugins())
    endless_engine.wait_for_none()


def test_a_proxy_in_the_environment_is_not_used_for_loopback(project: Checkout) -> None:
    project.extra = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1", "PULUMI_STACK": "other"}
    answer = project.tools("up")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "unchanged" in project.pulumi("preview")
    assert project.tools("down").returncode == 0


def test_a_checkout_may_lie_at_an_odd_path(tmp_path: Path) -> None:
    odd = checkout.copy(tmp_path / "a b #1 %20 ü" / "project")
    odd.configure()
    try:
        answer = odd.tools("up")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "unchanged" in odd.pulumi("preview")
        assert odd.tools("down").returncode == 0
    finally:
        odd.kill_everything()
