"""What a fitted law is for: predictions, budgets, the frontier, other measures than loss."""
