"""Lives here: a seeded generator of realistic demo files of a contact centre; generate.py writes the folder.

May import: numpy, pandas, pyarrow and itself.
Never: the clock, the environment, the network, another room.
"""
