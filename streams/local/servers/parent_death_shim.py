"""Becomes another program, which dies with its parent process (PR_SET_PDEATHSIG).

Called as `python -I -S parent_death_shim.py PARENT_PID PROGRAM ARGUMENTS…`.

Runs as a script of its own, so it imports nothing of ours. Linux keeps the parent-death signal over exec;
on other systems a server whose parent was killed has to be stopped by hand.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Set the parent-death signal, exit if the parent died before that, and exec the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit(1)
    os.execvp(program, [program, *arguments])


if __name__ == "__main__":
    main()
