"""Lives here: the formulas, pure and vectorised: numbers in, numbers out.

May import: errors, numpy, pandas, scipy.special and a short list of the standard library.
Never: files, the clock, the environment, logging, randomness, network, SQL, Flask.
"""
