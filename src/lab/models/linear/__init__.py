"""Simple models in closed form or by a convex solver: what every network has to beat."""
