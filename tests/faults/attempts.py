"""Programs that try to change the host; each line that they print is one attempt."""

ATTEMPT = """
import os, subprocess, sys
mount = sys.argv[1] == "mount"
if mount:
    print("remount", subprocess.run(["mount", "-o", "remount,rw", "/"]).returncode)
    os.makedirs("/run/again")
    print("again", subprocess.run(["mount", "-t", "hostfs", "-o", "/", "none", "/run/again"]).returncode)
for root in ("/", "/run/again/") if mount else ("/",):
    for path in sys.argv[2:]:
        file = root + path.lstrip("/")
        for what, attempt in (
            ("make", lambda: open(file + "/made", "w").write("x")),
            ("write", lambda: open(file + "/kept", "r+").write("x")),
            ("append", lambda: open(file + "/kept", "a").write("x")),
            ("cut", lambda: os.truncate(file + "/kept", 0)),
            ("symlink", lambda: os.symlink("/etc", file + "/link")),
            ("link", lambda: os.link(file + "/kept", file + "/second")),
            ("folder", lambda: os.mkdir(file + "/folder")),
            ("pipe", lambda: os.mkfifo(file + "/pipe")),
            ("mode", lambda: os.chmod(file + "/kept", 0o4777)),
            ("open mode", lambda: os.fchmod(os.open(file + "/kept", os.O_RDONLY), 0o4777)),
            ("folder mode", lambda: os.chmod(file, 0o777)),
            ("owner", lambda: os.chown(file + "/kept", 4711, 4711)),
            ("times", lambda: os.utime(file + "/kept", (1, 1))),
            ("attribute", lambda: os.setxattr(file + "/kept", "user.mine", b"x")),
            ("remove", lambda: os.unlink(file + "/kept")),
            ("rename", lambda: os.rename(file + "/kept", file + "/moved")),
        ):
            try:
                attempt()
                print("DONE", what, file)
            except OSError as error:
                print("refused", what, error.errno)
print("end")
"""
COUNT = 16  # attempts in a folder
NAMES = ("mode", "open mode", "folder mode", "owner", "times", "attribute", "rename", "symlink", "link", "pipe")
"""What seccomp alone refuses, and Landlock does not cover but in part."""
ELSEWHERE = """
import ctypes, fcntl, os, signal, socket, sys
terminal, other, victim = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
def set_id():
    os.close(os.open("shell", os.O_CREAT | os.O_WRONLY, 0o4755))
for what, attempt in (
    ("own file", lambda: open("file", "w").write("x")),
    ("own terminal", lambda: os.open(terminal, os.O_RDWR)),
    ("terminal", lambda: os.open(other, os.O_RDWR)),
    ("new terminal", lambda: os.open("/dev/ptmx", os.O_RDWR)),
    ("input", lambda: fcntl.ioctl(os.open(terminal, os.O_RDWR), 0x5412, b"x")),
    ("socket", lambda: socket.socket()),
    ("unix socket", lambda: socket.socket(socket.AF_UNIX)),
    ("set id", set_id),
    ("namespace", lambda: call(272, 0x10000000)),
    ("clone", lambda: call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)),
    ("mount", lambda: call(165, b"none", b"/", b"tmpfs", 0, 0)),
    ("memory", lambda: call(310, int(victim), 0, 0, 0, 0, 0)),
    ("keys", lambda: call(248, b"user", b"x", b"x", 1, -3)),
    ("signal", lambda: os.kill(int(victim), signal.SIGTERM)),
    ("child", lambda: os.waitpid(os.fork() or os._exit(0), 0)),
):
    try:
        attempt()
        print("done", what)
    except OSError as error:
        print("refused", what)
"""
