"""Draws: a chance is taken, a number says what was won, and everybody can compute it again.

definition   what operators write            publishing  versions, stock, budget; stop
fairness     seed and counter -> number      choosing    number -> prize; what is released
seeds        committed before, revealed after the day
people       whose turn, what it costs, limits
drawing      one draw, one transaction       giving      what a prize is when it is won
parcels      address, sent, forfeited        auditing    every result again, from its inputs
watching     prizes left, pace, odds seen    results     what was drawn
"""
