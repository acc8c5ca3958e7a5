"""Early termination of trials: the policies, their parsing, and what they compare a trial with. A new policy is added
here.
"""
