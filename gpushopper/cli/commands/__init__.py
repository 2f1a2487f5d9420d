"""One file per command of `gpu-shopper`, named as the command, in the sections of `gpu-shopper --help`.

A command reads its options, sends one or two requests to the daemon, and prints the answer. Here belong: a command's
own options, the order of its steps, its errors. Not here: options that several commands share (`cli/input/options.py`),
how values are parsed (`cli/input/`), how an answer is printed (`cli/output/`). One section does not import another.
"""
