"""Words of the command line that read options of their own; `chainkit/cli.py` lists them with all others.

====================  ==========================================================================
emulators.py          `local`: emulators that stand by themselves, and others' to be installed
deploying.py          `plan`, `deploy`, `destroy`
guards.py             `reap`, `scan`, `package`
aiming.py             which target a command is for
====================  ==========================================================================
"""
