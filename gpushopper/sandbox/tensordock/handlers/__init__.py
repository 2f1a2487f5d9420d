"""The endpoints of the TensorDock dialect, with the faults that change their replies.

Not here: what they read and how it is written (the folder above), and the effects on the market (`requests/`).
"""
