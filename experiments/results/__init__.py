"""The committed results, and the tables that are made of them.

Every result stands once, as one JSON file: that of a named recipe in genjax/recipes/results/, since
the commands show it; that of a study here.
"""
