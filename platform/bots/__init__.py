"""Demo market makers: outside clients of the public REST API, with nothing of the house inside.

They import none of the project's other packages: what they do, anyone's bot can do.
"""
