"""Settlement: what the operator owes its merchants, and whether both sides agree.

periods         half months or months, and whose are over
lines           what fell due in a period, as it comes
statements      what fell due in a period, the same however often it is asked for
deductions      what is taken off again, with the points where they belong
payees          the bank accounts that merchants are paid into, sealed
payments        statements that are paid together, each once
ledger          a merchant's lines as it looks at them: by day, store and state
reconciling     a merchant's own file against ours, line by line
proof           that every fen and point of all this is right
"""
