"""Newsroom: one hub for all contact of a municipality."""
