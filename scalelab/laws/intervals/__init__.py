"""What the numbers of a fit are worth: Student-t, profiles, bootstraps."""
