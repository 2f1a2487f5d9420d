"""Rules about later moments: what counts against budgets then, and when one that refuses now has room again."""
