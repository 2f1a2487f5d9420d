"""The rules that decide everything: values in, actions out. Standard library only, no I/O, no clock."""
