"""Views that fill the terminal: taking and giving back the terminal, its keys, and what `top` shows.

Not here: progress of one command (`cli/output/progress_display.py`), and `ls -w`, which only prints again.
"""
