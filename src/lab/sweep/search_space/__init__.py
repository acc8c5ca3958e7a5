"""The search space: parameters, their distributions, the checks of their values, and the samplers that draw them."""
