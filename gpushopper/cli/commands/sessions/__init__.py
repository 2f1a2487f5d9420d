"""List, show, extend and end sessions: `sessions`, `ls`, `get`, `receipt`, `extend`, `done`, `delete`, `shutdown`.

`ending` is what the three commands share that end sessions. Not here: how a session reads (`cli/output/`).
"""
