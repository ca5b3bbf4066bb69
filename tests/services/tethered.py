"""Runs a command that dies with its parent, as another user where told. Run by path, never imported.

    python -I -S tethered.py PARENT_PID USER_ID DEATH_SIGNAL COMMAND...      (USER_ID -1: stay who we are)

A test run that is killed with SIGKILL cannot clean up after itself; on Linux the kernel does it here.
Everything is imported before the user changes: the other user may not be able to read this Python.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, user, death_signal = (int(argument) for argument in sys.argv[1:4])
    command = sys.argv[4:]
    if user >= 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    if sys.platform == "linux":
        # After setuid, which would clear it; kept across execv.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            sys.exit("the parent was gone before the command started")
    os.execv(command[0], command)


main()
