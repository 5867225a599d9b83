"""The wall: a student's notebook runs alone in a process that answers calls; what is right is known on this side only.

`server.py` runs beside the notebook, in the sandbox, and holds no test. `proxy.py` stands in for the student's names in
the tests, on the trusted side. `plain.py` is what both know: how values travel, and which of them a call may change.
"""
