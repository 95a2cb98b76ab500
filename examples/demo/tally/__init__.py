"""Adds up prices and prints a receipt."""
