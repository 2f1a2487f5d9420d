"""One file per command of `gpu-shopper`, named as the command, in the sections of `gpu-shopper --help`.

A command reads its options, asks the daemon, and prints. Here belong: what a command takes, in which order it
does its steps, and which of them fails with what. Not here: how options are parsed (`cli/input/`), how an answer
looks (`cli/output/`), whatever two sections need. One section does not import another.
"""
