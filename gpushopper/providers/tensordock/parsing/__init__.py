"""How TensorDock's replies are parsed: ids, GPU keys, locations, instance rows, error replies.

Not here: which call is sent, and what its reply proves (the modules above).
"""
