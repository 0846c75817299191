"""Becomes another program whose life is tied to the process that asked for it.

`python -I -S launch.py PARENT SIGNAL USER PROGRAM ARGUMENT…`: the program gets SIGNAL when the process PARENT dies. It stands in
front of every process that is started, so it imports next to nothing. PostgreSQL refuses to run as root: for root, USER is
`mapped` (a user namespace in which root's files belong to the user 65534) or `nobody` (becoming that user); else it is `same`.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534
CANNOT_BECOME_USER = 126


def call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def map_user() -> None:
    """Enter a user namespace where our user is 65534. Seen from outside nothing changes, so neither do file owners."""
    uid, gid = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER)
    for name, line in [("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")]:
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib doubles the start-up time
            file.write(line)


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def main(parent: int, death_signal: int, user: str, command: list[str]) -> None:
    try:
        if user == "mapped":
            map_user()
        elif user == "nobody":
            become_nobody()
    except OSError as error:
        print(f"cannot leave the root account: {error}", file=sys.stderr)
        sys.exit(CANNOT_BECOME_USER)
    if sys.platform == "linux":
        # After the change of user: that one clears it.
        call("prctl", PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit(0)  # the parent died before we asked to be told
    os.execv(command[0], command)  # noqa: S606 - a shell is the last thing wanted here


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
