"""Each part of the cage by itself: what it refuses, and that it says no more of itself than is true."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evlab.course.judge import Jail, cage
from evlab.course.judge.verdict import isolation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cage is Linux's")


def caged(code: str) -> str:
    """What a Python prints that does this to itself."""
    code = f"import os, sys, errno\nfrom evlab.course.judge import cage\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()


TRY = """
def refused(do):
    try:
        do()
    except OSError as error:
        return errno.errorcode[error.errno]
    except MemoryError:
        return "MemoryError"
    return "done"
"""


def test_limits(tmp_path):
    said = caged(f"""{TRY}
file = os.open({str(tmp_path / "x")!r}, os.O_CREAT | os.O_RDWR)
held = cage.limit(5, 64 * 2**20, cage.address_space())
import resource
print(held, refused(lambda: os.write(file, b"x")), refused(lambda: bytes(10**9)),
      resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_NPROC)[0],
      refused(lambda: [os.dup(0) for _ in range(99)]))""")
    assert said == "['limits', 'memory'] EFBIG MemoryError (5, 5) 0 EMFILE"
    assert (tmp_path / "x").read_bytes() == b""


def test_a_limit_that_is_lower_already_stays():
    said = caged("""
import resource, signal
resource.setrlimit(resource.RLIMIT_CPU, (3, 3))
os.setuid(12345) if os.getuid() == 0 else None
print(cage.limit(120, 2**30, 0), resource.getrlimit(resource.RLIMIT_CPU))""")
    assert said == "['limits'] (3, 3)", "without a known size there is no limit on memory, and none is claimed"


def test_files(tmp_path):
    (tmp_path / "secret").write_text("x")
    said = caged(f"""{TRY}
import msgspec
held = cage.lock_files()
import wave  # Python's own library can be read
print(held, refused(lambda: open({str(tmp_path / "secret")!r})), refused(lambda: open({str(tmp_path / "new")!r}, "w")),
      refused(lambda: os.listdir({str(tmp_path)!r})), refused(lambda: open(msgspec.__file__, "rb")),
      refused(lambda: open(cage.__file__)), refused(lambda: os.mkdir({str(tmp_path / "made")!r})),
      refused(lambda: open(os.__file__)))""")
    if said.startswith("[]"):
        pytest.skip("this kernel has no Landlock")
    assert said == "['files'] EACCES EACCES EACCES EACCES EACCES EACCES done"
    assert not any("site-packages" in path or "dist-packages" in path for path, _ in cage._library())


def test_calls():
    said = caged(f"""{TRY}
import socket, select, time, fcntl
held = cage.filter_calls()
print(held, refused(socket.socket), refused(os.fork), refused(lambda: os.kill(os.getpid(), 0)), refused(os.pipe),
      refused(lambda: open("/dev/null", "w")), refused(lambda: open("/dev/null")), refused(lambda: time.sleep(0.01)),
      refused(lambda: fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())), refused(lambda: fcntl.fcntl(0, fcntl.F_GETFD)),
      refused(lambda: os.open("/dev/null", os.O_RDONLY | os.O_CREAT)), refused(lambda: os.remove("/nowhere")))""")
    if said.startswith("[]"):
        pytest.skip("this machine has no filter")
    assert said == "['calls'] EPERM EPERM EPERM EPERM EPERM done EPERM EPERM done EPERM EPERM"


@pytest.mark.skipif(os.geteuid(), reason="only root changes its user")
def test_user():
    said = caged("print(cage.change_user(read_all=False), os.getresuid(), os.getresgid(), os.getgroups()); "
                 "print([line[-17:-1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapPrm'))])")
    assert said == "['user'] (65534, 65534, 65534) (65534, 65534, 65534) []\n['0000000000000000', '0000000000000000']"


@pytest.mark.skipif(os.geteuid(), reason="only root changes its user")
def test_of_root_s_rights_only_reading_stays():
    said = caged("print(cage.change_user(read_all=True)); "
                 "print([line[-17:-1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapPrm'))])")
    assert said == "['user']\n['0000000000000004', '0000000000000004']"


def test_the_filter_of_each_machine_is_well_formed():
    """No jump leaves the program, and each ends in a decision: also on the machine that this is not."""
    for machine in cage._ALLOWED:
        lines = cage._filter(machine)
        for place, (operation, if_true, if_false, _) in enumerate(lines):
            if operation & 7 == 5:
                assert place + 1 + max(if_true, if_false) < len(lines) and max(if_true, if_false) < 256
        assert lines[-1] == (6, 0, 0, 0x7FFF0000) and lines[-2] == (6, 0, 0, 0x00050001)
        assert run(lines, cage._ALLOWED[machine][0], 63 if machine == "aarch64" else 0) == 0x7FFF0000  # read
        assert run(lines, 0, 0) == 0x80000000, "the calls of another machine end the process"
        for number in range(1000):
            allowed = number in cage._ALLOWED[machine][1] or number in cage._ALLOWED[machine][2]
            wanted = allowed or number == cage._FCNTL[machine]
            assert (run(lines, cage._ALLOWED[machine][0], number) == 0x7FFF0000) == wanted
            assert run(lines, cage._ALLOWED[machine][0], number | 0x40000000) == 0x00050001, "x32 is another door"


def run(lines, architecture, number):
    """What the program decides of a call with no flags."""
    data, value, place = {0: number, 4: architecture}, 0, 0
    while True:
        operation, if_true, if_false, operand = lines[place]
        place += 1
        if operation == 0x06:
            return operand
        if operation == 0x20:
            value = data.get(operand, 0)
        else:
            place += if_true if (value == operand if operation == 0x15 else value & operand) else if_false


@pytest.mark.parametrize("lacks", [(), ("files",), ("calls",), ("files", "calls")])
def test_held_tells_the_truth(lacks):
    """What an answer can do is what the report says that it can."""
    with Jail("fork", lacks=lacks) as jail:
        actor = jail.actor([("q", """
import os, socket
def can(do):
    try:
        do()
    except OSError:
        return False
    return True
def tell(): return [can(lambda: open("/etc/passwd")), can(lambda: socket.socket().close()), os.geteuid() == 0]
""")])
        actor.reset(0)
        with pytest.raises(StopIteration) as stop:
            next(actor.call("tell"))
        held = set(jail.held)
        still_root = os.geteuid() == 0 and "user" not in held
        assert stop.value.value == ["files" not in held, "calls" not in held, still_root]
        assert not held & set(lacks)
        assert isolation(jail.held).startswith("sandbox: ") == ({"files", "calls"} <= held)
        if lacks:
            assert isolation(jail.held) == "limits only, not a sandbox"
