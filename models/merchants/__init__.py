"""Merchants: how one becomes a partner and what it is worth to us; who works there, and its tills.

partners     negotiated, signed, open, ...    stores   where they are
rating       A+, A, B, B-, and why            credit   what complaints have cost
permissions  what owners and clerks may       staff    who works at which store
guesses      typed codes that were none       counter  a voucher at a till, and what was done there
"""
