"""Vouchers: a right to something at a merchant, verified once.

issued ──▶ verified        redeeming  points for a voucher, all or nothing
  │ ◀─undo (10 min)─┘      verifying  at a till, exactly once; undone soon after
  ├──▶ refunded            ending     refunded to lots, expired
  ├──▶ expired             giving     to a friend
  └──▶ given               having     what a person has
                           reminding  when owners are told that a voucher runs out
"""
