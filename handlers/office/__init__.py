"""What every place with accounts has: the operators' console, and the merchants' desk.

entrance    what sets one place apart from the other     office      pages, permissions, frame
doorkeeper  whose browser it is                          visit       one request of one person
around      id, errors and headers of each request       forms       what was typed, what is wrong
sign_in, own_account, enrolment   the same pages in each     words   Chinese, and English
"""
