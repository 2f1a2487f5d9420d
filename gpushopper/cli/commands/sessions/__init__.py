"""List, show, extend and end sessions: `sessions`, `ls`, `get`, `receipt`, `extend`, `done`, `delete`, `shutdown`.

`ending` holds what `done`, `delete` and `shutdown` share. Not here: how a session is printed (`cli/output/`).
"""
