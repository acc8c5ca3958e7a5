"""Early termination of trials: the policies, how their blocks are parsed, and how they decide on running and on
finished trials. A new policy is one file in `policies/` and one line in `parsing.py`.
"""
