"""Measurements beside what was measured in the same run; `README.md` tells how to read them."""
