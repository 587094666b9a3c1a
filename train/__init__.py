"""`python -m train.main`: trains one stage of the method."""
