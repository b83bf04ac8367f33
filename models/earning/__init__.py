"""Earning: what subscribers do, as BOSS tells it, and the rules that give points for it.

event  what was done      earn  the rules, applied to events as they are recorded
"""
