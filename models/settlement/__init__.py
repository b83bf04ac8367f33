"""Settlement: what the operator owes its merchants, and whether both sides agree.

statements      what fell due in a period, the same however often it is asked for
reconciling     a merchant's own file against ours, line by line
"""
