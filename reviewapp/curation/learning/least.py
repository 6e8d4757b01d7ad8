"""How much is needed before anything is learned: said on pages, which load no optimiser for it."""

FOLDS = 5  # of the cross-validation; a class has one of its own in each
LEAST_DECISIONS, LEAST_OF_CLASS = 50, FOLDS
