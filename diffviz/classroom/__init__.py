"""The classroom: rooms that people join with a phone, questions put to them, votes, and what a class answered.

Knows neither Streamlit nor torch. `database` keeps it all, `rooms`, `activities` and `votes` change it, `state` says what
a phone and the wall show of it, `results` works it out, and `routes` serves the phones.
"""
