"""From validated arrays and settings to a fitted model."""
