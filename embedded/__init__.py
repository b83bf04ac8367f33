"""A private PostgreSQL and Valkey where none is configured, and the processes of `make run`.

processes.py   the supervisor: starts, watches, restarts and stops children, servers among them
    │
postgres.py  valkey.py       one class each: where its files stand, its settings, when it is ready
    │
server.py                    what both share: lock, start, stop, poll
    │
spawning.py  leash.py        a child that dies with its parent, as another user where asked
"""
