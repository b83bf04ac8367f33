"""Activities: planned by operators, signed up for, reminded of, checked in at the door.

tables     what is kept, and the picture of a sign-up's states
planning   draft, published, cancelled; editing what has been published
looking    what is open to somebody, how they stand, whose list it is
joining    a place or a place in the queue; giving it up; moving up
doors      codes that change at the door, and who came
telling    who is to be reminded, and who has to hear news
"""
