"""The rules that decide everything: values in, actions out. Standard library only, no I/O, no clock.

Not here: reading and writing rows (`store/`), carrying out actions (`engine/transaction.py`), calls (`providers/`).
"""
