"""Agents: shops that redeem for customers by SMS, in a tree of provinces, cities and counties.

tables.py      what is stored          register.py    who is one, where in the tree, what they may
pins.py        for dear orders         ordering.py    asked, agreed to, done; limits of a day
commission.py  what agents earn        statement.py   what an agent has done today, this month
rules.py       rates and limits        budget.py      what commission is paid of
payouts.py     what is paid to them, of a month, by two people
tree.py        the console's list of them, in the order of the tree
"""
