"""Offers: what a merchant gives for points, to whom, when, and how much of it there is.

terms    what is offered, and who may take it when      stock    how much is left, and of whom taken
uploads  its way to the shelf, of what is agreed   following  off and on with its merchant
looking  what one could take, with its shop        shelf    what everybody can, as balances say
"""
