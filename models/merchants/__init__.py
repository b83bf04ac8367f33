"""A merchant's side: who works there, what they may, and what they do at their tills.

permissions  what owners and clerks may       staff    who works at which store
guesses      typed codes that were none       counter  a voucher at a till, and what was done there
"""
