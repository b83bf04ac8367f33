"""Invitations: a member brings somebody who is new to the clubs, and both are rewarded once.

codes.py       the personal number of a member and a club: in the QR code and in the link
asking.py      by a friend's number: wanted ─▶ asked ─▶ accepted | declined | lapsed
coming.py      by code: accepted ─▶ joined (both rewarded) | refused (why is kept) | lapsed
judging.py     what counts: never oneself, no rings, one friend once, so many a day and a month
looking.py     who came through me, and what operators see
"""
