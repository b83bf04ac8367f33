"""Broadcasts: one text to up to a million numbers, each of them once.

    draft ──▶ proposed ──▶ approved ──▶ running ⇄ paused
      ▲  └─ no ──┘                         │   └──────┴──▶ stopped
      └─ reworded, numbers loaded          └──▶ done

wording   what a text must say, and must not
tables    the tables, guarded by the database as well as by the functions
loading   numbers into a draft, from a file or a segment
segment   who is in one: the seam for richer ones
acting    propose, approve, start, pause, resume, stop; each in the audit
queueing  a batch of targets becomes owed, at the broadcast's pace
following what has become of what is owed
looking   lists, progress, when it will be over
"""
