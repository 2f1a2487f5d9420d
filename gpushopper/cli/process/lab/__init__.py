"""A daemon on another computer, as `--host` names it: reached over the user's own ssh, and never started from here.

Not here: what that daemon lets its members do (`daemon/api/members/`).
"""
