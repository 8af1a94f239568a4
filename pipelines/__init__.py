"""Thin jobs and the command line."""
