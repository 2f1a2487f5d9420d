"""What an account holds beside its instances: leftovers of creates.

Not here: what is to become of each (`core/listing/leftovers.py`).
"""
