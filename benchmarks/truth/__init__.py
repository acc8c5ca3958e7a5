"""Every model beside the simple models, on every data set that can be had without a network."""
