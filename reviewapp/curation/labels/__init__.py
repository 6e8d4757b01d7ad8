"""Labels in doubt: which were probably chosen wrongly, which classes are confused, how noisy each is."""
