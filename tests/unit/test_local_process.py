"""A process is recognised and stopped, and no other one in its place."""

import subprocess
import sys
import time

import pytest

from components.local_process import Process

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("on", flush=True)
time.sleep(60)
"""


def test_a_running_process_is_alive_until_it_ends() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = Process.of(child.pid)
    assert process.is_alive
    child.communicate(b"\n")
    assert not process.is_alive


def test_another_process_with_the_same_pid_is_not_taken_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        impostor = Process(child.pid, "another-boot:1")
        assert not impostor.is_alive
        impostor.stop(0)
        assert child.poll() is None
        child.kill()


def test_a_process_that_ended_and_was_not_waited_for_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = Process.of(child.pid)
    child.kill()
    time.sleep(0.2)
    assert not process.is_alive
    child.communicate()


def test_one_that_ignores_sigterm_is_killed() -> None:
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout
    child.stdout.readline()
    Process.of(child.pid).stop(0.2)
    child.communicate()
    assert child.returncode == -9


def test_a_pid_that_nobody_has_is_an_error() -> None:
    with pytest.raises(ProcessLookupError):
        Process.of(2**22 + 1)
