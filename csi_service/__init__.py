"""Customer satisfaction indices for contact centres: internal, external, complaint and their composite."""

__version__ = "0.1.0"
