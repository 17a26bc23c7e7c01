"""Whole screens: the list of labs, a lab, and what lies over them."""
