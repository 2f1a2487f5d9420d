"""What a new instance is given to run: the guard's text, and how it is started at every boot of a VM.

Not here: the boot script as a whole (`remote/boot_script.py`).
"""
