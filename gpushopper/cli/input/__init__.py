"""What a person types, and what we ask back: options, durations, names of sessions, questions.

Also the classes that every command is made of. Not here: what an option does (its command's), and checks that
the daemon makes for every client.
"""
