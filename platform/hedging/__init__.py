"""The hedging desk: the house holds elsewhere the opposite of what it inherits here.

`decision` says what is next and `cycle` does it, both without Django; `record` keeps what was done,
`services` puts them together for the worker, the job and the console.
"""
