"""Agents: shops that redeem for customers by SMS, in a tree of provinces, cities and counties.

tables.py      what is stored          register.py    who is one, where in the tree, what they may
pins.py        for dear orders         ordering.py    asked, agreed to, done; limits of a day
commission.py  what agents earn        statement.py   what an agent has done today, this month
"""
